"""The schema as files: read from a live catalog, written as plain SQL, compared with any database.

Nothing here imports a model: the catalog alone says what the schema is.
"""


class ExportError(Exception):
    """The schema holds something that the files cannot; the message is one line."""
