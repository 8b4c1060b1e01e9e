"""The login roles of the admin: what each may, made so, and proven by asking as that role."""

from veza_core.errors import ClearError


class RoleError(ClearError):
    """A role cannot be made what it has to be; the message says why, and what to do."""
