"""The base of all screens: a read-only list, and a page for each row, for tables of any size.

A screen says what is shown and which index serves what; everything else is here. Only actions
change rows, never a form.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_core.access import StaffRequest, staff_request

from .actions import buttons, export, pages, selection, typed
from .actions.action import RowAction
from .bounded import ON_PAGE, bounded
from .changelist import KeysetChangeList
from .columns import (
    AnyColumn,
    ComputedColumn,
    FieldColumn,
    Opening,
    field_of,
    heading,
    secret_fields,
    show,
    shown_fields,
)
from .criteria import Criterion
from .display import AnyField, badge, declared, explained, shortened
from .errors import NotThereError
from .guard import READING, guarded
from .labels import attach, foreign_keys, url_of
from .legible import name_html
from .listing import Screen, read
from .panels import panels_of
from .search.finders import Finder
from .site import StaffSite
from .states import DELETED, DELETED_THIS_WEEK, UNSORTED, State, View
from .timeline import ON_ROW, Moment, Timeline, asked, parameters, timeline
from .whole import value_urls

#: What every page ends with.
ROW = ("id", "created_at", "updated_at", "deleted_at")


class InspectionAdmin(admin.ModelAdmin):
    """A screen. Subclasses set the following attributes, usually few of them."""

    #: The heading in the menu for the screen.
    group: ClassVar[str] = "Other"
    #: The list's columns: fields, or methods marked with `computed`. The first one opens the row.
    columns: ClassVar[Sequence[str]] = ("id", "created_at")
    #: The order of the whole list: a column with an index. `id` always has one.
    order: ClassVar[str] = "-created_at"
    #: The state that the index of `order` begins with, if the column has no index of its own.
    merged: ClassVar[str] = ""
    #: Columns by one value of which the list can be filtered, with the order of their index
    #: (`states.UNSORTED`: none). Foreign keys are added, with the order of their index.
    keys: ClassVar[Mapping[str, str]] = {}
    #: Filters by state. Tables with soft deletion also have `DELETED`.
    states: ClassVar[Sequence[State]] = ()
    #: Filters by a value that is not a column of this table.
    criteria: ClassVar[Sequence[Criterion]] = ()
    #: Common questions, as links above the list. Tables with soft deletion have one more.
    views: ClassVar[Sequence[View]] = ()
    #: The column that other tables' links show; empty: the beginning of the id.
    label: ClassVar[str] = ""
    #: The columns that the search box uses, in addition to ids; each has its own index.
    finders: ClassVar[Sequence[Finder]] = ()
    #: The page's sections: a heading, and fields or methods. Columns that are left out follow.
    sections: ClassVar[Sequence[tuple[str, Sequence[str]]]] = ()
    #: The tables whose panels come first, on the page of a row with many references.
    panels_first: ClassVar[Sequence[str]] = ()
    #: Keys of the tables that this table refers to, by this table's own key. The rows that they
    #: refer to also get a panel. `{"track": "user"}`: a user's page has the jobs of their tracks.
    panels_through: ClassVar[Mapping[str, str]] = {}
    #: Whether these panels are above the timeline.
    panels_lead: ClassVar[bool] = False
    #: What rows add to the timeline of the row that a key refers to: see `timeline`.
    moments: ClassVar[Mapping[str, Moment]] = {}
    #: Whether rows have a timeline.
    has_timeline: ClassVar[bool] = False
    #: The actions on a row: see `actions`.
    row_actions: ClassVar[Sequence[RowAction]] = ()
    #: The names of the most frequent actions, which come first on a row's page.
    frequent_actions: ClassVar[Sequence[str]] = ()
    #: The foreign key that names rows without a name of their own: a job's track.
    named_by: ClassVar[str] = ""
    #: Whether rows are about a person, so that each view of them is logged.
    personal: ClassVar[bool] = True

    admin_site: StaffSite
    list_per_page = 50
    list_display_links = None
    actions: Any = None
    change_list_template = "veza/list.html"
    page_template = "veza/page.html"

    @property
    def media(self) -> Media:
        """Django's script for the checkboxes of a list, without those for forms, which nothing
        here has.
        """
        return Media(js=["admin/js/actions.js"])

    def __init__(self, model: type[Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self.keys = {**self.keys, **_other_keys(model, self.keys)}  # type: ignore[misc]

    # Permissions -----------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(staff_request(request).access.may(self.opts.db_table, "read"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in self.keys

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return False

    # What is read -----------------------------------------------------------------------------

    @property
    def read_alias(self) -> str:
        """The database that is read from."""
        return self.admin_site.read_alias

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All rows, soft-deleted ones too, without the secrets."""
        rows = self.model._base_manager.using(self.read_alias)
        return rows.defer(*sorted(secret_fields(self.model)))

    def whole_rows(self, request: HttpRequest) -> QuerySet[Any]:
        """The same with all columns, for pages of single rows: see `bounded`."""
        return bounded(self.get_queryset(request), shown_fields(self.model), ON_PAGE)

    @cached_property
    def is_soft(self) -> bool:
        """Whether the table has soft deletion."""
        return field_of(self.model, "deleted_at") is not None

    def screen(self, request: StaffRequest | None = None) -> Screen:
        """What the list may be asked for by this user; None: by somebody who may read
        everything.
        """
        states = (*self.states, DELETED) if self.is_soft else tuple(self.states)
        criteria = [
            one
            for one in self.criteria
            if request is None or all(request.access.may(table, "read") for table in one.tables)
        ]
        return Screen(
            self.model, self.order, self.keys, states, self.merged, criteria, self.read_alias
        )

    def all_views(self) -> list[View]:
        """The links above the list, after "All"."""
        return [*self.views, *([DELETED_THIS_WEEK] if self.is_soft else [])]

    def column(self, name: str) -> FieldColumn | ComputedColumn:
        """A column by its name: a field, or a method marked with `computed`."""
        field = field_of(self.model, name)
        return FieldColumn(field) if field is not None else ComputedColumn(getattr(self, name))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        first, *others = self.columns
        chosen = staff_request(request).listing.options.values()
        more = [option.column for option in chosen if option.column]
        # Before the last one, which is the time when a row was created.
        names = [*others[:-1], *more, *others[-1:]]
        return [Opening(self.column(first)), *(self.column(name) for name in names)]

    def panel_columns(self, key: str) -> list[AnyColumn]:
        """The columns of this table's rows in a panel of what `key` refers to."""
        first, *others = (name for name in self.columns if name != key)
        return [Opening(self.column(first)), *(self.column(name) for name in others)]

    def panel_title(self, key: str) -> str:
        """The title of these rows in a panel of what `key` refers to."""
        target = self._field(key).related_model
        keys = foreign_keys(self.model)  # type: ignore[arg-type]  # types are hashable
        own = [other for other in keys if other.related_model is target]
        name = str(self.opts.verbose_name_plural)
        title = name[:1].upper() + name[1:]
        return title if len(own) == 1 else f"{title}, as {heading(self._field(key)).lower()}"

    def selected(self, columns: Iterable[Any]) -> list[str]:
        """The fields that a list with these columns reads; never a secret."""
        names = {need for column in columns for need in getattr(column, "needs", ())}
        names |= {"id", self.order.removeprefix("-"), "created_at"}
        names |= {order.removeprefix("-") for order in self.keys.values() if order}
        if self.is_soft:
            names.add("deleted_at")
        return sorted(names - secret_fields(self.model))

    def _field(self, name: str) -> AnyField:
        field = field_of(self.model, name)
        assert field is not None, name  # noqa: S101 - the checks below see to it
        return field

    # Pages ------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The list, the rows' pages, and actions: there is no form to delete or edit a row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            *export.export_urls(self),
            *self._timeline_urls(name),
            *pages.action_urls(self),
            *value_urls(self),
            path("<str:object_id>/", view(self.change_view), name=f"{name}_change"),
        ]

    def _timeline_urls(self, name: str) -> list[URLPattern]:
        if not self.has_timeline:
            return []
        view = self.admin_site.admin_view(self.timeline_view)
        return [path("<str:object_id>/timeline/", view, name=f"{name}_timeline")]

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
        request.listing = read(self.screen(request), request.GET)
        if request.method == "POST":
            return selection.chosen(self, request)
        before = typed.take(request)
        if before and (confirmation := selection.chosen_before(self, request, before)):
            return confirmation
        context = {"export_url": export.export_url(self, request), **(extra_context or {})}
        page: Any = super().changelist_view(request, context)
        if before:
            selection.tick(page.context_data, before)
        return page

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row with this id. Raises `NotThereError` if there is none."""
        name = self.opts.verbose_name
        try:
            pk = self.opts.pk.to_python(object_id)
        except (ValidationError, ValueError) as error:
            raise NotThereError(f"“{object_id[:40]}” is not a valid ID of a {name}.") from error
        row = self.whole_rows(request).filter(pk=pk).first()
        if row is None:
            raise NotThereError(
                f"There is no {name} {pk}. It may have been permanently deleted: "
                "soft-deleted rows can still be opened."
            )
        return row

    @guarded
    def change_view(
        self,
        request: StaffRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        row = request.inspected = self.get_object(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **self.page_context(request, row),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.page_template, context)

    @guarded
    def timeline_view(self, request: StaffRequest, object_id: str) -> HttpResponse:
        """What happened around a row: see `timeline`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        kind, before = asked(request.GET)
        row = request.inspected = self.get_object(request, object_id)
        page = timeline(self.admin_site, request, row, self.read_alias, kind=kind, before=before)
        self.make_ready(request, page.rows)
        context = {
            **self.admin_site.each_context(request),
            **self.timeline_context(row, page),
            "title": format_html("Timeline: {}", self.title_of(row)),
            "page_title": f"Timeline: {self.page_title(row)}",
            "opts": self.opts,
            "row_url": url_of(self.model, row.pk),
            "row_title": self.page_title(row),
            "newest_url": self.timeline_url(row, kind) if before else "",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "veza/timeline_page.html", context)

    def timeline_url(self, row: Any, kind: str = "", before: Any = None) -> str:
        """A page of a row's timeline."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_timeline"
        return reverse(name, args=[row.pk], query=parameters(kind, before))

    def timeline_context(self, row: Any, page: Timeline) -> dict[str, Any]:
        """The context of a timeline's template."""
        kinds = [("Everything", ""), *((kind, kind) for kind in page.kinds)]
        return {
            "timeline": page,
            "timeline_kinds": [
                (name, self.timeline_url(row, kind), kind == page.kind) for name, kind in kinds
            ],
            "further_url": self.timeline_url(row, page.kind, page.further) if page.further else "",
        }

    def page_context(self, request: StaffRequest, row: Any) -> dict[str, Any]:
        """The context of a row's page."""
        panels = panels_of(self.admin_site, request, row, self.read_alias)
        first = [*self.panels_first, *declared("panels_first").get(self.opts.db_table, ())]
        panels.sort(
            key=lambda panel: (
                not panel.has_failed,
                first.index(panel.table_name) if panel.table_name in first else len(first),
            )
        )
        related = [found for panel in panels for found in panel.rows]
        lived: dict[str, Any] = {}
        if self.has_timeline:
            page = timeline(self.admin_site, request, row, self.read_alias, size=ON_ROW)
            lived = self.timeline_context(row, page)
            related += page.rows
        self.make_ready(request, [row, *related])
        shown = [panel for panel in panels if panel.rows]
        extra = self.extra_panels(request, row)
        return {
            **lived,
            "title": self.title_of(row),
            "page_title": self.page_title(row),
            "subtitle": None,
            "opts": self.opts,
            "original": row,
            "glance": self.glance(request, row),
            "buttons": buttons.buttons(self, request, row),
            "sections": [
                (title, [self.line(row, name) for name in names])
                for title, names in self.all_sections()
            ],
            "extra_panels": extra,
            "panels": shown,
            "leading": sum(panel.table_name in first for panel in shown) if self.panels_lead else 0,
            "has_contents": len(shown) + len(extra) + self.has_timeline > 1,
            "empty_panels": [panel for panel in panels if not panel.rows],
        }

    def make_ready(self, request: StaffRequest, rows: Iterable[Any]) -> None:
        """Give rows what is needed to show them to this user: the links of their foreign keys."""
        attach(request, self.admin_site, self.read_alias, rows)

    def load_names(self, alias: str, rows: Sequence[Any]) -> None:
        """Read the names that `str` of these rows needs: one query, or none."""
        if not self.named_by:
            return
        target: Any = self._field(self.named_by).related_model
        screen = self.admin_site.screen_of(target)
        keys = {getattr(row, f"{self.named_by}_id") for row in rows}
        found = target._base_manager.using(alias).only(screen.label if screen else "pk")
        named = found.in_bulk(list(keys))
        for row in rows:
            if (one := named.get(getattr(row, f"{self.named_by}_id"))) is not None:
                setattr(row, self.named_by, one)

    def title_of(self, row: Any) -> str:
        """The heading of a row's page."""
        named = shortened(str(getattr(row, self.label) if self.label else str(row.pk)[:8]))
        return format_html("{} {}", capfirst(str(self.opts.verbose_name)), name_html(named))

    def page_title(self, row: Any) -> str:
        """The title of the window, also in the browser's history: nothing from the row's
        content.
        """
        return f"{capfirst(str(self.opts.verbose_name))} {str(row.pk)[:8]}"

    def extra_panels(self, request: StaffRequest, row: Any) -> Sequence[Any]:
        """What staff did to the row and their notes about it, if the site stores these."""
        return self.admin_site.remembered(request, row)

    def glance(self, request: StaffRequest, row: Any) -> Sequence[SafeString]:
        """What must be seen first: badges and short sentences at the head of the page."""
        states = [name for name in ("state", "status") if name in self.columns]
        seen = [self.column(name)(row) for name in states]
        if getattr(row, "deleted_at", None) is not None:
            seen.append(badge("deleted"))
        return seen

    def all_sections(self) -> list[tuple[str, Sequence[str]]]:
        """The page's sections, and the row's own columns."""
        fields = [field.name for field in self.model._meta.concrete_fields]
        named = [*self.columns, *(name for _, names in self.sections for name in names)]
        shown = {need for name in named for need in self.column(name).needs}
        hidden = {*ROW, *secret_fields(self.model), *(shown if self.sections else ())}
        title = "Other" if self.sections else str(self.opts.verbose_name)
        rest = (title, [name for name in fields if name not in hidden])
        return [
            *self.sections,
            *([rest] if rest[1] else []),
            ("Record", [name for name in ROW if name in fields]),
        ]

    def line(self, row: Any, name: str) -> tuple[str, SafeString, str]:
        """A line of a section: its heading, its value, and the database's comment on it."""
        field = field_of(self.model, name)
        if field is None:
            method = ComputedColumn(getattr(self, name))
            return method.short_description, method(row), ""
        return heading(field), show(field, row, whole=True), explained(field.db_comment or "")[0]

    def remember(self, request: StaffRequest) -> None:
        """Log what was read, without what was searched for."""
        if not self.personal:
            return
        row = getattr(request, "inspected", None)
        action = f"{self.opts.db_table}.{'list' if row is None else 'view'}"
        self.admin_site.record(request, action, row or self.model)


def _other_keys(model: type[Model], declared: Mapping[str, str]) -> dict[str, str]:
    """The foreign keys that a screen does not declare, newest first if an index has this order."""
    indexed = {tuple(index.fields) for index in model._meta.indexes if index.condition is None}
    names = [key.name for key in foreign_keys(model) if key.name not in declared]
    return {name: "-created_at" if (name, "-created_at") in indexed else UNSORTED for name in names}
