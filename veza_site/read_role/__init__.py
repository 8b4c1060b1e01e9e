"""The login role that the admin reads over: every table but the secrets, and never a write."""

from veza_core.errors import ClearError


class ReadRoleError(ClearError):
    """The role cannot be made what it has to be; the message says why, and what to do."""
