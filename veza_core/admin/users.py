"""Accounts, and the identities that they sign in by."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from veza_core.models import FederatedIdentity, User, UserRole
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.columns import computed
from veza_core.screens.display import ago, badge, exact
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import part, same, whole
from veza_core.screens.states import UNSORTED, View, boolean, choices

from .account_actions import ACCOUNT_ACTIONS
from .role_actions import ROLE_ACTIONS


def account_states(user: User) -> list[SafeString]:
    """All that keeps a user from signing in, or from being trusted; else "active"."""
    states = []
    if user.deleted_at is not None:
        states.append(badge("deleted"))
    if user.is_banned:
        states.append(badge("banned"))
    if not user.is_active:
        states.append(badge("deactivated"))
    if user.locked_until is not None and user.locked_until > timezone.now():
        states.append(badge("locked"))
    if not states:
        states.append(badge("active"))
    if not user.is_verified:
        states.append(badge("unverified", tone="quiet"))
    return states


@admin.register(User)
class UserAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("username", "email", "role", "state", "last_login", "created_at")
    keys = {}
    states = (
        choices("role", UserRole.choices, order=UNSORTED),
        boolean("is_banned", "Banned"),
        boolean("is_active", "Active"),
        boolean("is_verified", "E-mail verified"),
    )
    views = (
        View("New and unverified", {"is_verified": "no", "deleted": "no", "range": "7d"},
             "New and unverified"),
        View("Banned", {"is_banned": "yes"}),
    )  # fmt: skip
    label = "username"
    panels_first = ("user_roles", "federated_identities", "user_sessions", "refresh_tokens")
    finders = (whole("email"), same("username", live=True), same("slug", live=True),
               part("username"), part("email"))  # fmt: skip
    frequent_actions = ("unban", "reactivate", "ban", "revoke", "note")
    row_actions = (*ACCOUNT_ACTIONS, *ROLE_ACTIONS, AddNote("users"))
    sections = (
        ("Account", ("username", "email", "slug", "role", "state")),
        ("Sign-in", ("last_login", "is_active", "is_banned", "is_verified", "locked_until",
                     "failed_login_count", "token_version")),
    )  # fmt: skip

    @computed("State", "is_active", "is_banned", "is_verified", "locked_until", "deleted_at")
    def state(self, row: User) -> SafeString:
        """Whether the account can be used, and what keeps it from that."""
        return format_html_join(" ", "{}", ((state,) for state in account_states(row)))

    def glance(self, request: Any, row: User) -> list[SafeString]:
        seen = [*account_states(row), badge(str(row.role))]
        if row.locked_until is not None and row.locked_until > timezone.now():
            seen.append(format_html("Locked until {}", exact(row.locked_until)))
        if row.failed_login_count:
            seen.append(format_html("{} failed sign-ins", row.failed_login_count))
        last = ago(row.last_login) if row.last_login else "never"
        seen.append(format_html("Last sign-in: {}", last))
        seen.append(format_html("Account made {}", ago(row.created_at)))
        return seen


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "provider", "email", "display_name", "created_at")
    keys = {"user": UNSORTED}
    finders = (whole("email"),)
