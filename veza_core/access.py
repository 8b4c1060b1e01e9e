"""What a user may do in this project's own pages: the RBAC tables, and nothing beside them.

Rights come from `user_roles`, through `role_permissions`. `users.role` says what kind of account
it is, for the other services; of its values only `super_admin` means something here: it may do
everything. The others give no right, so that there is one place to look, with an end date and the
name of who granted it.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q
from django.db.models.functions import Now

from veza_core.models import User, UserRole

ENTER = "admin.access"

#: The path from a user to the names of their permissions, and to when a role ends.
_PERMISSION = "role_assignments__role__role_permissions__permission__name"
_EXPIRES_AT = "role_assignments__expires_at"


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and what they may do: `<table>.<action>`, and `admin.access` to enter at all."""

    user: User | AnonymousUser
    permissions: frozenset[str] = frozenset()
    is_super: bool = False

    @property
    def may_enter(self) -> bool:
        """Whether they may enter the support admin."""
        return self.is_super or ENTER in self.permissions

    def may(self, table: str, action: str) -> bool:
        """Whether they may `read`, `create`, `update` or `delete` rows of a table."""
        return self.may_enter and (self.is_super or f"{table}.{action}" in self.permissions)

    def may_grant(self, permissions: frozenset[str]) -> bool:
        """Whether they hold all of these themselves: nobody grants more than they hold."""
        return self.may_enter and (self.is_super or permissions <= self.permissions)


def access_of(user: Any) -> Access:
    """Read what a user may do, fresh from the tables, in one query.

    Takes a `User`, of which only the key counts, or Django's `AnonymousUser`. Somebody who is
    unknown, deleted, deactivated, banned or locked may nothing, and comes back as anonymous.
    """
    if getattr(user, "pk", None) is None:
        return Access(AnonymousUser())
    live = Q(**{f"{_EXPIRES_AT}__isnull": True}) | Q(**{f"{_EXPIRES_AT}__gt": Now()})
    found = (
        User.objects.filter(Q(locked_until__isnull=True) | Q(locked_until__lte=Now()))
        .filter(pk=user.pk, is_active=True, is_banned=False)
        .annotate(granted=ArrayAgg(_PERMISSION, filter=live, distinct=True, default=[]))
        .defer("password")
        .first()
    )
    if found is None:
        return Access(AnonymousUser())
    return Access(
        user=found,
        permissions=frozenset(name for name in found.granted if name is not None),
        is_super=found.role == UserRole.SUPER_ADMIN,
    )
