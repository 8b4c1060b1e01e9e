"""Who may act on an account: nobody on their own, or on one with more permissions than theirs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Q
from django.db.models.functions import Now

from veza_core.access import Access
from veza_core.models import Role, User, UserRole, UserRoleAssignment
from veza_core.screens.actions.action import RefusalRule
from veza_core.screens.display import declared

#: Rows of `user_roles` that have not ended.
NOT_EXPIRED = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())

#: The permissions of accounts, in any state, because a lifted ban gives them back. The other
#: services give `users.role` its own permissions, so it counts as the role of that name. Of the
#: password, only its existence is read. All roles with their permissions come with the first
#: account: they are few, and a page saves a query.
_STANDINGS = """
SELECT users.id, users.role::text, held.roles, password_hash IS NOT NULL, ARRAY(
    SELECT permissions.name FROM role_permissions
    JOIN permissions ON permissions.id = role_permissions.permission_id
    WHERE role_id = ANY (held.roles)
    OR role_id = (SELECT id FROM roles WHERE name = users.role::text)),
    CASE WHEN row_number() OVER () = 1 THEN (
        SELECT json_agg(json_build_array(id, name, display_name, ARRAY(
            SELECT permissions.name FROM role_permissions
            JOIN permissions ON permissions.id = role_permissions.permission_id
            WHERE role_id = roles.id)))::text
        FROM roles) END,
    {content}
FROM users, LATERAL (SELECT ARRAY(
    SELECT role_id FROM user_roles WHERE user_id = users.id
    AND (expires_at IS NULL OR expires_at > statement_timestamp())) AS roles) AS held
WHERE users.id = ANY (%s)
"""

#: Where an account stores its `Standing`, all roles, and whether it has content.
_STANDING, _ROLES, _CONTENT = "_veza_standing", "_veza_roles", "_veza_content"

#: The most rows of an account's content that one action changes.
MOST_CONTENT = 10_000

#: Whether one of the first rows of an account is live. If there are more deleted rows than one
#: action deletes, the answer is yes, because nobody should wait for the rest. For ANY and the order
#: by the key, see `screens.lookups`.
_HAS_LIVE = """EXISTS (SELECT FROM (
    SELECT deleted_at IS NULL OR row_number() OVER () = {most} AS found FROM {table}
    WHERE {key} = ANY (ARRAY[users.id]) ORDER BY {key} LIMIT {most}) AS own WHERE found)"""
_LOOKED_THROUGH = MOST_CONTENT + 1

OWN_ACCOUNT = "This is your own account. Ask a colleague: you cannot act on your own account."
GREATER = "{} has permissions here that you do not have. Ask a colleague who has all of them."


def live_roles(user: User) -> list[UserRoleAssignment]:
    """The current roles of a user, in whatever state the account is."""
    return list(
        UserRoleAssignment.objects.using(DEFAULT_DB_ALIAS)
        .filter(NOT_EXPIRED, user_id=user.pk)
        .select_related("role")
        .order_by("role__name")
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """The permissions of an account, in whatever state it is."""

    #: `users.role`: for the other services.
    kind: str
    #: Keys of the current roles.
    roles: frozenset[UUID]
    has_password: bool
    permissions: frozenset[str]


def standings(users: Sequence[User]) -> dict[UUID, Standing]:
    """The permissions of accounts, by key; one query. Each `User` object stores its own."""
    if not users:
        return {}
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        content = _has_live_rows() if len(users) == 1 else "NULL"
        cursor.execute(_STANDINGS.format(content=content), [[user.pk for user in users]])
        rows = cursor.fetchall()
    found = {
        pk: Standing(kind, frozenset(roles), has_password, frozenset(permissions))
        for pk, kind, roles, has_password, permissions, *_ in rows
    }
    every_role = next((row[-2] for row in rows if row[-2]), None)
    for user in users:
        user.__dict__[_STANDING] = found.get(user.pk)
        user.__dict__[_ROLES] = every_role
    if len(users) == 1:
        users[0].__dict__[_CONTENT] = bool(rows and rows[0][-1])
    return found


def _has_live_rows() -> str:
    """Whether an account has content that is not deleted, as SQL."""
    return " OR ".join(
        _HAS_LIVE.format(table=table, key=f"{key}_id", most=_LOOKED_THROUGH)
        for table, key in declared("content").items()
    )


def has_content(user: User) -> bool:
    """Whether the account has content that is not deleted, from the query of `standing_of`."""
    if _CONTENT not in user.__dict__:
        standings([user])
    return bool(user.__dict__[_CONTENT])


def standing_of(user: User) -> Standing:
    """The permissions of an account, from the last query of `standings`, or from a new one."""
    known: Standing | None = user.__dict__.get(_STANDING) or standings([user]).get(user.pk)
    return known or Standing("", frozenset(), False, frozenset())


def roles_for(user: User) -> list[tuple[Role, frozenset[str]]]:
    """All roles with their permissions, those with the fewest first, from the query of
    `standing_of`.
    """
    if _ROLES not in user.__dict__:
        standings([user])
    roles = [
        (Role(id=UUID(pk), name=name, display_name=display_name), frozenset(permissions))
        for pk, name, display_name, permissions in json.loads(user.__dict__[_ROLES] or "[]")
    ]
    return sorted(roles, key=lambda each: (len(each[1]), each[0].name))


def account_refusals(access: Access, users: Sequence[User]) -> Mapping[Any, str]:
    """Return the accounts that the staff member may not act on: key to reason.

    These are their own account, and accounts with permissions that they lack. One query, for any
    number of accounts.
    """
    names = {user.pk: user.username for user in users}
    refused: dict[UUID, str] = {}
    for pk, standing in standings(users).items():
        is_super = standing.kind == UserRole.SUPER_ADMIN
        if pk == access.user.pk:
            refused[pk] = OWN_ACCOUNT
        elif (is_super and not access.is_super) or not access.may_grant(standing.permissions):
            refused[pk] = GREATER.format(names[pk])
    return refused


def owner_refusals(key: str) -> RefusalRule:
    """The rule for rows of an account: they are refused if the user may not act on the account.

    `key` is the foreign key to the account.
    """

    def refusals(access: Access, rows: Sequence[Any]) -> Mapping[Any, str]:
        owner = {row.pk: getattr(row, f"{key}_id") for row in rows}
        users = User._base_manager.only("username").filter(pk__in={*owner.values()})
        refused = account_refusals(access, list(users))
        return {pk: refused[user] for pk, user in owner.items() if user in refused}

    return refusals
