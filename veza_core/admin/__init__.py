"""The support admin's screens of accounts; `veza_core.screens` is what all screens are made of."""

from . import profiles, rbac, tokens, users

__all__ = ["profiles", "rbac", "tokens", "users"]
