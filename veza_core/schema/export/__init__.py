"""The schema as files: read from a live catalog, written as SQL, compared with any database.

Nothing here imports a model: only the catalog says what the schema is.
"""

from veza_core.errors import ClearError


class ExportError(ClearError):
    """The schema contains something that the files cannot contain; the message is one line."""
