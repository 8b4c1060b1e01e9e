"""The support admin's screens of this app, and the base of all screens (`inspection`)."""

from . import profiles, rbac, tokens, users

__all__ = ["profiles", "rbac", "tokens", "users"]
