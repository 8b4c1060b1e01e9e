"""Who may act on whose account: nobody on their own, nobody on one that may more than they."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Q
from django.db.models.functions import Now

from veza_core.access import Access
from veza_core.models import Permission, Role, User, UserRole, UserRoleAssignment

#: Of `user_roles`: those that have not ended.
NOT_EXPIRED = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())

#: What accounts may do, whatever state they are in: a ban that is lifted gives the rights back. The
#: other services give `users.role` rights of their own: it counts as the role of that name.
_RIGHTS = """
SELECT users.id, users.role::text, ARRAY(
    SELECT permissions.name FROM role_permissions
    JOIN permissions ON permissions.id = role_permissions.permission_id
    WHERE role_permissions.role_id IN (
        SELECT role_id FROM user_roles WHERE user_id = users.id
            AND (expires_at IS NULL OR expires_at > statement_timestamp())
        UNION ALL SELECT id FROM roles WHERE name = users.role::text))
FROM users WHERE id = ANY (%s)
"""

OWN = "This is your own account. Ask a colleague: you cannot act on your own account."
GREATER = "{} has rights here that you do not have. Ask a colleague who holds all of those rights."


def live_roles(user: User) -> list[UserRoleAssignment]:
    """The roles that a user holds now, in whatever state the account is."""
    return list(
        UserRoleAssignment.objects.using(DEFAULT_DB_ALIAS)
        .filter(NOT_EXPIRED, user_id=user.pk)
        .select_related("role")
        .order_by("role__name")
    )


def permissions_of(roles: list[Role]) -> dict[str, frozenset[str]]:
    """Role name to the names of its permissions."""
    found: dict[str, set[str]] = {role.name: set() for role in roles}
    for role, permission in (
        Permission.objects.using(DEFAULT_DB_ALIAS)
        .filter(role_permissions__role__in=roles)
        .values_list("role_permissions__role__name", "name")
    ):
        if role in found:
            found[role].add(permission)
    return {role: frozenset(names) for role, names in found.items()}


def account_refusals(access: Access, users: Sequence[User]) -> Mapping[Any, str]:
    """Of these accounts, key to why: one's own, and those that may what `access` may not.

    One query, however many accounts they are.
    """
    names = {user.pk: user.username for user in users}
    refused: dict[UUID, str] = {}
    if not names:
        return refused
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_RIGHTS, [list(names)])
        for pk, role, rights in cursor.fetchall():
            is_super = role == UserRole.SUPER_ADMIN
            if pk == access.user.pk:
                refused[pk] = OWN
            elif (is_super and not access.is_super) or not access.may_grant(frozenset(rights)):
                refused[pk] = GREATER.format(names[pk])
    return refused
