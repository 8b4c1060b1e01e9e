"""The schema as files: read from a live catalog, written as plain SQL, compared with any database.

Nothing here imports a model: the catalog alone says what the schema is.
"""

from veza_core.errors import ClearError


class ExportError(ClearError):
    """The schema holds something that the files cannot; the message is one line."""
