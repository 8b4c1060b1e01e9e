"""Accounts, and the identities that they sign in by."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.models import FederatedIdentity, User, UserRole
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.columns import computed
from veza_core.screens.display import badge, exact
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import beginning_and_domain, part, same, same_behind, whole
from veza_core.screens.states import UNSORTED, View, boolean, choices

from .account_actions import ACCOUNT_ACTIONS
from .content_actions import CONTENT_ACTIONS
from .related import CRITERIA
from .role_actions import ROLE_ACTIONS
from .user_page import head


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
    columns = ("username", "email", "kind", "state", "last_login", "created_at")
    keys = {}
    states = (
        choices(
            "role",
            UserRole.choices,
            label="Kind of account",
            order="-created_at",
            unordered=["user"],
        ),
        boolean("is_banned", "Banned"),
        boolean("is_active", "Active"),
        boolean("is_verified", "E-mail verified"),
    )
    criteria = CRITERIA
    views = (
        View("New and unverified", {"is_verified": "no", "deleted": "no", "range": "7d"},
             "New and unverified"),
        View("Banned", {"is_banned": "yes"}),
    )  # fmt: skip
    label = "username"
    has_timeline = True
    page_template = "veza/user.html"
    panels_first = ("user_roles", "federated_identities", "user_sessions", "refresh_tokens")
    finders = (whole("email"), same("username", live=True), same("slug", live=True),
               *beginning_and_domain("email"), part("username"))  # fmt: skip
    frequent_actions = ("unban", "reactivate", "ban", "revoke", "note")
    row_actions = (*ACCOUNT_ACTIONS, *CONTENT_ACTIONS, *ROLE_ACTIONS, AddNote("users"))
    sections = (
        ("Account", ("username", "email", "slug", "kind", "state")),
        ("Sign-in", ("last_login", "is_active", "is_banned", "is_verified", "locked_until",
                     "failed_login_count", "token_version")),
    )  # fmt: skip

    @computed("State", "is_active", "is_banned", "is_verified", "locked_until", "deleted_at")
    def state(self, row: User) -> SafeString:
        """Whether the account can be used, and what keeps it from that."""
        return format_html_join(" ", "{}", ((state,) for state in account_states(row)))

    @computed("Kind", "role")
    def kind(self, row: User) -> SafeString:
        """What kind of account the other services take it for. Rights come from roles."""
        return badge(str(row.role))

    def page_context(self, request: StaffRequest, row: User) -> dict[str, Any]:
        context = super().page_context(request, row)
        panels = [*context["panels"], *context["empty_panels"]]
        return {**context, **head(self, request, row, panels)}

    def glance(self, request: Any, row: User) -> list[SafeString]:
        seen = [*account_states(row), format_html("Kind of account: {}", badge(str(row.role)))]
        if row.locked_until is not None and row.locked_until > timezone.now():
            seen.append(format_html("Locked until {}", exact(row.locked_until)))
        if row.failed_login_count:
            seen.append(format_html("{} failed sign-ins", row.failed_login_count))
        return seen


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "provider", "email", "display_name", "created_at")
    keys = {"user": UNSORTED}
    finders = (whole("email"), same_behind("provider_user_id", "provider"))
