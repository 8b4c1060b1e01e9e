"""The login role that the admin reads over: every table but the secrets, and never a write."""


class ReadRoleError(Exception):
    """The role cannot be made what it has to be; the message says why, and what to do."""
