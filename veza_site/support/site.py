"""The site of the support admin."""

from collections.abc import Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from veza_core.access import StaffRequest, access_of, staff_request
from veza_core.screens.actions import kept_forms
from veza_core.screens.errors import HelpfulError, NodeLostError, error_page
from veza_core.screens.menu import grouped, menu_html
from veza_core.screens.reading import reading
from veza_core.screens.search.views import search_urls
from veza_core.screens.site import StaffSite, Subject
from veza_site.models import Note, StaffLogEntry
from veza_site.replicas.source import read_alias
from veza_site.support import devices, second_factor, security_log, staff_actions
from veza_site.support.attempts import BusyError, PausedError
from veza_site.support.log import record
from veza_site.support.middleware import has_passed_second_factor
from veza_site.support.overview import overview
from veza_site.support.session_page import sessions_view
from veza_site.support.sessions import is_open, needs_second_factor_again
from veza_site.support.views import SignInForm, check_code, second_factor_view, try_later


class SupportSite(StaffSite):
    """Django's admin, with permissions from the RBAC tables.

    Screens reach these methods through `self.admin_site`, because `veza_core` cannot import this
    package: `StaffSite` describes them.
    """

    site_header = "Veza support"
    site_title = "Veza support"
    index_title = "Overview"
    login_form = SignInForm
    login_template = "admin/sign_in.html"
    action_events = staff_actions.action_events
    staff_panels = staff_actions.staff_panels
    sessions = sessions_view
    second_factor = method_decorator(
        [never_cache, csrf_protect, sensitive_post_parameters("code")]
    )(second_factor_view)
    is_open = staticmethod(is_open)

    def has_permission(self, request: HttpRequest) -> bool:
        return staff_request(request).access.may_enter

    @property
    def read_alias(self) -> str:
        return read_alias()

    def record(self, request: StaffRequest, action: str, subject: Subject, **values: Any) -> None:
        record(request, action, subject, **values)

    def last_action(
        self, request: StaffRequest, row: Model, actions: Sequence[str]
    ) -> StaffLogEntry | None:
        return staff_actions.last_action(request, row, actions)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Django's; after a sign-in, the page has the typed text again."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.method == "POST" and not self.has_permission(request):
                kept_forms.keep(staff_request(request))
            return inner(request, *args, **kwargs)

        return wrapped

    def entries_of(self, batch: UUID) -> list[StaffLogEntry]:
        return list(StaffLogEntry.objects.filter(batch=batch).order_by("batch", "id"))

    def add_note(self, request: StaffRequest, row: Model, text: str) -> int:
        author: Any = request.access.user
        note = Note.objects.create(
            subject_table=row._meta.db_table,
            subject_id=str(row.pk),
            author_id=author.pk,
            author_name=author.username,
            text=text,
        )
        return note.pk

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Django's, with the menu, and the stamp of the search box: see `kept_forms`."""
        context = super().each_context(request)
        return context | {
            "menu": menu_html(context["available_apps"], request.path),
            "typed_by": kept_forms.stamp(staff_request(request)),
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return grouped(self, request, app_label)

    def index(  # type: ignore[override]  # rendered here, within the transaction, with one menu
        self, request: StaffRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        def page(*, counts: bool = True) -> HttpResponse:
            with reading(self.read_alias):
                context = overview(self, request, counts=counts)
                context |= extra_context or {}
                return self.page(request, "admin/index.html", context).render()

        try:
            return page()
        except NodeLostError:
            return page(counts=False)
        except HelpfulError as error:
            return error_page(self, request, error)

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """Nothing of Django's own log, which would read whole accounts; the staff log has
        everything.
        """
        return LogEntry.objects.none()

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Django's, with the second factor.

        Two of Django's URLs are missing: the change of one's own password, which the Go API does,
        and the redirect to any object, which would show whether it exists.
        """
        dropped = ("password_change", "password_change_done", "view_on_site")
        urls = [url for url in super().get_urls() if getattr(url, "name", None) not in dropped]
        return [
            path("second-factor/", self.second_factor, name="second_factor"),
            path("sessions/", self.admin_view(self.sessions), name="sessions"),
            *search_urls(self),
            *urls,
        ]

    @method_decorator(never_cache)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, followed by the second factor if it is needed, with an entry in the log."""
        if request.method == "GET" and self._is_half_way(request):
            query = request.GET.urlencode()
            return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{query}")
        context = {"title": "Sign in", **(extra_context or {})}
        try:
            response: HttpResponse = super().login(request, context)
        except (PausedError, BusyError) as error:
            return try_later(request, error)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            if self._is_half_way(request):
                query = urlencode({REDIRECT_FIELD_NAME: response.headers["Location"]})
                # In the same response, which has the cookie of a new token for forms.
                response.headers["Location"] = f"{reverse('admin:second_factor')}?{query}"
                return response
            staff = staff_request(request)
            staff.access = access_of(request.user)
            self.record(staff, "sign_in", None)
            security_log.log_event(request, "sign_in", request.user.pk)
            devices.remember(request, response, request.user)  # type: ignore[arg-type]
        return response

    def logout(  # type: ignore[override]  # a redirect in place of a page
        self, request: StaffRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, with an entry in the log; then the sign-in page."""
        if request.method == "POST":
            self.record(request, "sign_out", None)
            security_log.log_event(request, "sign_out", request.user.pk)
            logout(request)
        response = HttpResponseRedirect(reverse("admin:login"))
        if request.method == "POST":
            # The browser keeps nothing that was read. It keeps cookies: Django deletes the
            # session's, and the cookie of a known browser must survive.
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def needs_code(self, request: StaffRequest) -> bool:
        return needs_second_factor_again(request.session)

    def check_code(self, request: StaffRequest, code: str) -> str:
        user: Any = request.user
        return check_code(request, user, lambda: second_factor.verify(request, user, code))[1]

    @staticmethod
    def _is_half_way(request: HttpRequest) -> bool:
        """Whether only the second factor is still missing."""
        return request.user.is_authenticated and not has_passed_second_factor(request)
