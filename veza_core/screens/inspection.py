"""The base of all screens: a read-only list, and a page for each row, for tables of any size.

A screen says what is shown and which index serves what; everything else is here. Only actions
change rows, never a form.
"""

from collections.abc import Collection
from typing import Any

from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from veza_core.access import StaffRequest, staff_request

from .actions import buttons, export, kept_forms, pages, selection
from .actions.addresses import action_of
from .actions.perform import may
from .changelist import KeysetChangeList
from .columns import HtmlColumn, heading
from .guard import guarded
from .labels import foreign_keys
from .listing import query_of, read
from .row_page import RowPages
from .whole import value_urls

#: In a posted form: it has filters, and does not choose rows.
FILTERS = "filters"


class InspectionAdmin(RowPages):
    """A screen: its list, and with `RowPages` its other pages."""

    list_per_page = 50
    list_display_links = None
    actions: Any = None
    change_list_template = "veza/list.html"

    def may_open(
        self, request: StaffRequest, page: str, action: str = "", filters: Collection[str] = ()
    ) -> bool:
        """Whether the user has the permissions for a page, by the end of its URL's name."""
        if page == "export" and not export.may_export(self, request):
            return False
        if page in ("action", "selected"):
            found = action_of(self, action)
            return found is not None and may(self, request, found)
        hidden = {one.name for one in self.criteria} - {
            one.name for one in self.parameters(request).criteria
        }
        return self.has_view_permission(request) and not hidden & {*filters}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        first, *others = self.columns
        chosen = staff_request(request).listing.options.values()
        more = [option.column for option in chosen if option.column]
        # Before the last one, which is the time when a row was created.
        return self.columns_of([first, *others[:-1], *more, *others[-1:]])

    def panel_columns(self, key: str) -> list[HtmlColumn]:
        """The columns of this table's rows in a panel of what `key` refers to."""
        return self.columns_of(name for name in self.columns if name != key)

    def panel_title(self, key: str) -> str:
        """The title of these rows in a panel of what `key` refers to."""
        target = self._field(key).related_model
        keys = foreign_keys(self.model)  # type: ignore[arg-type]  # types are hashable
        own = [other for other in keys if other.related_model is target]
        name = str(self.opts.verbose_name_plural)
        title = name[:1].upper() + name[1:]
        return title if len(own) == 1 else f"{title}, as {heading(self._field(key)).lower()}"

    def get_urls(self) -> list[URLPattern]:
        """The list, the rows' pages, and actions: there is no form to delete or edit a row."""
        view = self.admin_site.admin_view
        timeline = path(
            "<str:object_id>/timeline/", view(self.timeline_view), name=self.url_name("timeline")
        )
        return [
            path("", view(self.changelist_view), name=self.url_name("changelist")),
            *export.export_urls(self),
            *([timeline] if self.has_timeline else []),
            *pages.action_urls(self),
            *value_urls(self),
            path("<str:object_id>/", view(self.change_view), name=self.url_name("change")),
        ]

    def get_actions(
        self, request: HttpRequest, action_location: Any = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        return buttons.list_actions(self, staff_request(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    @guarded
    def changelist_view(
        self, request: StaffRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        # Before Django's own check, for which some names have another meaning.
        request.listing = read(self.parameters(request), request.GET)
        if request.method == "POST" and FILTERS in request.POST:
            form = request.POST.copy()
            for name in (FILTERS, "csrfmiddlewaretoken"):
                form.pop(name, None)
            return HttpResponseRedirect(f"?{query_of(self.parameters(request), form)}")
        if request.method == "POST":
            return selection.chosen(self, request)
        before = kept_forms.take(request)
        if before and (confirmation := selection.chosen_before(self, request, before)):
            return confirmation
        context = {"export_url": export.export_url(self, request), **(extra_context or {})}
        page: Any = super().changelist_view(request, context)
        if before:
            selection.tick(page.context_data, before)
        return page
