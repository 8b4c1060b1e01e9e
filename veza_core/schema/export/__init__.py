"""The schema as files: a snapshot of a live catalog, written as plain SQL.

Nothing here imports a model: only the catalog says what the schema is.
"""

from veza_core.errors import ClearError


class ExportError(ClearError):
    """The schema contains something that the files cannot contain; the message is one line."""
