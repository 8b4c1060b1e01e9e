"""Accounts, and their identities at other providers."""

from collections.abc import Callable, Collection
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.counted import counted
from veza_core.models import FederatedIdentity, User, UserRole
from veza_core.screens.actions.notes import AddNote
from veza_core.screens.columns import computed
from veza_core.screens.display import badge
from veza_core.screens.guard import READING, guarded
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.labels import url_of
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
        links = []
        if self.may_see_related(request):
            url = reverse("admin:veza_core_user_related", args=[row.pk])
            links.append(("Accounts at the same addresses", url))
        if self.may_see_erasure(request):
            url = reverse("admin:veza_core_user_erasure", args=[row.pk])
            links.append(("What an erasure would remove", url))
        return {**context, **head(self.admin_site, request, row, panels), "pages_about": links}

    def get_urls(self) -> list[URLPattern]:
        """The screen's own URLs, and those of the two pages about an account."""
        view = self.admin_site.admin_view
        user = "<str:object_id>"
        return [
            path(f"{user}/erasure/", view(self.erasure_view), name="veza_core_user_erasure"),
            path(f"{user}/related/", view(self.related_view), name="veza_core_user_related"),
            *super().get_urls(),
        ]

    @guarded
    def erasure_view(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """What the purge of the account would do, table by table: see `erasure`."""
        if not self.may_see_erasure(request):
            raise PermissionDenied
        return self.page_about(request, object_id, "What an erasure would remove", erasure_context)

    @guarded
    def related_view(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """The accounts at the same addresses as this one: see `related`."""
        if not self.may_see_related(request):
            raise PermissionDenied
        return self.page_about(
            request, object_id, "Accounts at the same addresses", related_context
        )

    def page_about(
        self,
        request: StaffRequest,
        object_id: str,
        title: str,
        context: Callable[[User, str], dict[str, Any]],
    ) -> HttpResponse:
        """A separate page about an account: one table, and hints."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        row = request.inspected = self.get_object(request, object_id)
        request.current_app = self.admin_site.name
        shown = {
            **self.admin_site.each_context(request),
            **context(row, self.read_alias),
            "title": format_html("{}: {}", title, name_html(row.username)),
            "page_title": f"{title}: {self.page_title(row)}",
            "about": title,
            "opts": self.opts,
            "row_url": url_of(User, row.pk),
            "row_title": self.page_title(row),
        }
        return TemplateResponse(request, "veza/user_table.html", shown)

    def may_open(
        self, request: StaffRequest, page: str, action: str = "", filters: Collection[str] = ()
    ) -> bool:
        own = {"related": self.may_see_related, "erasure": self.may_see_erasure}
        return (
            own[page](request) if page in own else super().may_open(request, page, action, filters)
        )

    def may_see_related(self, request: StaffRequest) -> bool:
        """Staff who may read everything that shows where somebody was."""
        tables = (self.opts.db_table, *SEARCHED)
        return all(request.access.may(table, "read") for table in tables)

    def may_see_erasure(self, request: StaffRequest) -> bool:
        """Staff who may answer requests under data-protection law."""
        return self.has_view_permission(request) and all(
            action.allowed(request.access) for action in DATA_ACTIONS
        )

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
