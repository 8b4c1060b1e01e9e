"""The difference between two schemas, and what it breaks: `manage.py schema_diff`."""

from veza_core.errors import ClearError


class DiffError(ClearError):
    """One of the two schemas cannot be read; the message is one line."""
