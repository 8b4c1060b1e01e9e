"""What a user may do in this project's own pages, from the RBAC tables only.

Permissions come from `user_roles`, through `role_permissions`. `users.role` is the kind of account
for the other services. Of its values, only `super_admin` matters here: it may do everything. The
others give no permission. So permissions are in one place, with an end date and the name of who
granted them.
"""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest

from veza_core.db.fetch import fetch_row
from veza_core.models import User, UserRole

ENTER = "admin.access"

#: The account's kind, if the account may act at all, and the names of its permissions.
PERMISSIONS = """
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
    """The user and their permissions: `<table>.<action>`, and `admin.access` to enter."""

    user: User | AnonymousUser
    permissions: frozenset[str] = frozenset()
    is_super: bool = False

    @property
    def may_enter(self) -> bool:
        return self.is_super or ENTER in self.permissions

    def may(self, table: str, action: str) -> bool:
        """Whether they may `read`, `create`, `update` or `delete` rows of a table."""
        return self.may_enter and (self.is_super or f"{table}.{action}" in self.permissions)

    def may_grant(self, permissions: frozenset[str]) -> bool:
        """Whether they have all of these permissions: nobody can grant more than they have."""
        return self.may_enter and (self.is_super or permissions <= self.permissions)


class StaffRequest(HttpRequest):
    """A request with known permissions: `veza_site.support.middleware` sets `access`."""

    access: Access
    #: The parameters of a list (`screens.listing.Listing`), and the row of a row's page.
    listing: Any
    inspected: Any
    #: Seconds that the replica is behind which the page is read from, if that is worth a message.
    behind: float | None


def staff_request(request: HttpRequest) -> StaffRequest:
    """The same request with our type, for methods with Django's signature."""
    return cast("StaffRequest", request)


def access_of(user: Any) -> Access:
    """Read what a user may do, from the tables, in one query.

    Takes a `User`, of which only the key matters, or Django's `AnonymousUser`. A user who is
    unknown, deleted, deactivated or banned has no permissions, and is returned as anonymous. A lock
    (`locked_until`) removes no permission: it prevents the next sign-in, and anybody can cause it.
    """
    if getattr(user, "pk", None) is None:
        return Access(AnonymousUser())
    if (found := fetch_row(connection, PERMISSIONS, [user.pk])) is None:
        return Access(AnonymousUser())
    role, names = found
    return Access(user, frozenset(names), is_super=role == UserRole.SUPER_ADMIN)
