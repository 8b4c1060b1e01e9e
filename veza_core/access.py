"""What a user may do in this project's own pages: the RBAC tables, and nothing beside them.

Rights come from `user_roles`, through `role_permissions`. `users.role` says what kind of account
it is, for the other services; of its values only `super_admin` means something here: it may do
everything. The others give no right, so that there is one place to look, with an end date and the
name of who granted it.
"""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest

from veza_core.models import User, UserRole

ENTER = "admin.access"

#: What the kind of an account is that may act at all, and the names of what its roles permit.
RIGHTS = """
    SELECT role, ARRAY(
        SELECT permissions.name FROM user_roles
        JOIN role_permissions USING (role_id)
        JOIN permissions ON permissions.id = permission_id
        WHERE user_id = users.id AND (expires_at IS NULL OR expires_at > statement_timestamp()))
    FROM users
    WHERE id = %s AND is_active AND NOT is_banned AND deleted_at IS NULL
"""


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


class StaffRequest(HttpRequest):
    """A request whose rights are known: `veza_site.support.middleware` sets `access` on each."""

    access: Access
    #: What a list is asked for (`screens.listing.Listing`), and the row whose page is shown.
    listing: Any
    inspected: Any


def staff_request(request: HttpRequest) -> StaffRequest:
    """The same request by its type, for methods whose signature is Django's."""
    return cast("StaffRequest", request)


def access_of(user: Any) -> Access:
    """Read what a user may do, fresh from the tables, in one query.

    Takes a `User`, of which only the key counts, or Django's `AnonymousUser`. A user who is
    unknown, deleted, deactivated or banned has no rights, and comes back as anonymous. A lock
    (`locked_until`) removes no right: it stops the next sign-in, and anybody can cause it.
    """
    if getattr(user, "pk", None) is None:
        return Access(AnonymousUser())
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS, [user.pk])
        found = cursor.fetchone()
    if found is None:
        return Access(AnonymousUser())
    role, names = found
    return Access(user, frozenset(names), is_super=role == UserRole.SUPER_ADMIN)
