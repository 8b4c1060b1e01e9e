"""The support admin's screens of accounts. `veza_core.screens` has the framework of all screens."""

from . import rbac, tokens, users

__all__ = ["rbac", "tokens", "users"]
