"""Accounts, their identities at other providers, their profiles and settings."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import Access, StaffRequest
from veza_core.counted import counted
from veza_core.models import FederatedIdentity, User, UserProfile, UserRole, UserSettings
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.columns import computed
from veza_core.screens.display import badge
from veza_core.screens.guard import row_view
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.labels import url_of, view_url
from veza_core.screens.legible import name_html
from veza_core.screens.search.finders import beginning_and_domain, part, same_behind, slug, whole
from veza_core.screens.states import Option, State, View, boolean, choices

from .account_actions import ACCOUNT_ACTIONS
from .account_states import account_states, is_locked
from .content_actions import CONTENT_ACTIONS
from .data_actions import DATA_ACTIONS
from .erasure import erasure_context
from .related import CRITERIA, SEARCHED, related_context
from .role_actions import ROLE_ACTIONS
from .user_page import head


class PageAbout(NamedTuple):
    """A separate page about an account; `context` reads over an alias."""

    title: str
    context: Callable[[User, str], dict[str, Any]]
    #: Whether somebody who may read accounts may open it.
    may_open: Callable[[Access], bool]


#: By the last part of their URLs.
PAGES_ABOUT = {
    "related": PageAbout(
        "Accounts at the same addresses",
        related_context,
        # It shows where people were, so it needs all of these tables.
        lambda access: all(access.may(table, "read") for table in SEARCHED),
    ),
    "erasure": PageAbout(
        "What an erasure would remove",
        erasure_context,
        # For those who answer requests under data-protection law.
        lambda access: all(action.allowed(access) for action in DATA_ACTIONS),
    ),
}


@admin.register(User)
class UserAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("username", "email", "kind", "state", "last_login", "created_at")
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
        State(
            "locked",
            "Locked",
            (
                Option(
                    "now",
                    "Now",
                    Q(locked_until__gt=Now()),
                    "-locked_until",
                    column="locked_until",
                ),
            ),
        ),
    )
    criteria = CRITERIA
    views = (
        View("New and unverified", {"is_verified": "no", "deleted": "no", "range": "7d"},
             "New and unverified"),
        View("Banned", {"is_banned": "yes"}),
        View("Locked or suspended", {"locked": "now"}, "Locked accounts"),
    )  # fmt: skip
    label = "username"
    has_timeline = True
    page_template = "veza/user.html"
    panels_first = ("user_roles", "federated_identities", "user_sessions", "refresh_tokens")
    finders = (whole("email"), whole("username", live=True), slug(),
               *beginning_and_domain("email"), part("username"))  # fmt: skip
    frequent_actions = ("restore", "unban", "reactivate", "unlock", "ban", "revoke", "note")
    row_actions = (
        *ACCOUNT_ACTIONS, *CONTENT_ACTIONS, *ROLE_ACTIONS, *DATA_ACTIONS, AddNote("users"),
    )  # fmt: skip
    sections = (
        ("Account", ("username", "email", "slug", "kind", "state")),
        ("Sign-in", ("last_login", "is_active", "is_banned", "is_verified", "locked_until",
                     "failed_login_count", "token_version")),
    )  # fmt: skip

    @computed("State", "is_active", "is_banned", "is_verified", "locked_until",
              "failed_login_count", "deleted_at")  # fmt: skip
    def state(self, row: User) -> SafeString:
        """Whether the account can be used, and what prevents it."""
        return SafeString(" ".join(account_states(row)))

    @computed("Kind", "role")
    def kind(self, row: User) -> SafeString:
        """The kind of account for the other services. Permissions come from roles."""
        return badge(str(row.role))

    def page_context(self, request: StaffRequest, row: User) -> dict[str, Any]:
        context = super().page_context(request, row)
        panels = [*context["panels"], *context["empty_panels"]]
        links = [
            (about.title, view_url(User, name, row.pk))
            for name, about in PAGES_ABOUT.items()
            if self.may_open(request, name)
        ]
        return {**context, **head(self.admin_site, request, row, panels), "pages_about": links}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.page_about)
        return [
            *(
                path(f"<str:object_id>/{name}/", view, {"page": name}, self.url_name(name))
                for name in PAGES_ABOUT
            ),
            *super().get_urls(),
        ]

    @row_view
    def page_about(self, request: StaffRequest, row: User, page: str) -> HttpResponse:
        """A separate page about an account: one table, and hints."""
        title = PAGES_ABOUT[page].title
        context = {
            **PAGES_ABOUT[page].context(row, self.read_alias),
            "title": format_html("{}: {}", title, name_html(row.username)),
            "page_title": f"{title}: {self.page_title(row)}",
            "about": title,
            "opts": self.opts,
            "row_url": url_of(User, row.pk),
            "row_title": self.page_title(row),
        }
        return self.admin_site.page(request, "veza/user_table.html", context)

    def may_open(
        self, request: StaffRequest, page: str, action: str = "", filters: Collection[str] = ()
    ) -> bool:
        may = super().may_open(request, page, action, filters)
        return may and (page not in PAGES_ABOUT or PAGES_ABOUT[page].may_open(request.access))

    def glance(self, request: Any, row: User) -> list[SafeString]:
        seen = [*account_states(row), format_html("Kind of account: {}", badge(str(row.role)))]
        if row.failed_login_count and not is_locked(row):
            seen.append(format_html("{}", counted(row.failed_login_count, "failed sign-in")))
        return seen


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "provider", "email", "display_name", "created_at")
    finders = (whole("email"), same_behind("provider_user_id", "provider"))


@admin.register(UserProfile)
class UserProfileAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "display_name", "location", "is_public", "created_at")
    order = "id"
    states = (boolean("is_public", "Public"),)
    sections = (
        ("Profile", ("user", "display_name", "first_name", "last_name", "bio", "location",
                     "birthdate", "gender", "is_public")),
        ("Addresses", ("avatar_url", "banner_url", "website_url", "social_links")),
    )  # fmt: skip


@admin.register(UserSettings)
class UserSettingsAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "language", "timezone", "theme", "email_notifications",
               "push_notifications", "updated_at")  # fmt: skip
    order = "id"
