"""The login roles of the admin: their privileges, how they get them, and the proof that they have
no more.
"""

from veza_core.errors import ClearError


class RoleError(ClearError):
    """A role cannot be created or repaired; the message says why, and what to do."""
