"""The basis of a screen's list and pages: its declarations, its permissions, and its queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import Media
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import capfirst

from veza_core.access import StaffRequest, staff_request

from .actions.action import RowAction
from .bounded import ON_PAGE, bounded
from .columns import FieldColumn, HtmlColumn, Opening, field_of, secret_fields, shown_fields
from .display import AnyField, shortened
from .labels import attach, foreign_keys
from .legible import name_html
from .listing import ListParameters
from .search.finders import Finder
from .site import StaffSite
from .states import DELETED, DELETED_THIS_WEEK, UNSORTED, Criterion, State, View


@dataclass(frozen=True, slots=True)
class Moment:
    """What rows of a table mean for the row that one of their keys refers to."""

    #: The name of the filter: "Sign-ins".
    kind: str
    #: What happened: "Commented".
    verb: str
    #: Columns that are shown after it; keys are links.
    shows: Sequence[str] = ()
    #: Whether somebody must see a row with `status = 'failed'`.
    fails: bool = False


class BaseScreen(admin.ModelAdmin):
    """What a screen declares. Subclasses set the following attributes, usually few of them."""

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

    @property
    def media(self) -> Media:
        """Django's script for the checkboxes of a list, without those for forms, which nothing
        here has.
        """
        return Media(js=["admin/js/actions.js"])

    def __init__(self, model: type[Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        indexed = {tuple(index.fields) for index in model._meta.indexes if index.condition is None}
        names = [key.name for key in foreign_keys(model) if key.name not in self.keys]
        # The other foreign keys, newest first if an index has this order.
        self.keys = {  # type: ignore[misc]
            **self.keys,
            **{
                name: "-created_at" if (name, "-created_at") in indexed else UNSORTED
                for name in names
            },
        }

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

    @property
    def read_alias(self) -> str:
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
        return field_of(self.model, "deleted_at") is not None

    def parameters(self, request: StaffRequest | None = None) -> ListParameters:
        """What the list may be asked for by this user; None: by somebody who may read
        everything.
        """
        states = (*self.states, DELETED) if self.is_soft else tuple(self.states)
        criteria = [
            one
            for one in self.criteria
            if request is None or all(request.access.may(table, "read") for table in one.tables)
        ]
        finds_users = request is None or request.access.may("users", "read")
        return ListParameters(
            self.model, self.order, self.keys, states, self.merged, criteria, self.read_alias,
            finds_users,
        )  # fmt: skip

    def all_views(self) -> list[View]:
        """The links above the list, after "All"."""
        return [*self.views, *([DELETED_THIS_WEEK] if self.is_soft else [])]

    def selected(self, columns: Iterable[Any]) -> list[str]:
        """The fields that a list with these columns reads; never a secret."""
        names = {need for column in columns for need in getattr(column, "needs", ())}
        names |= {"id", self.order.removeprefix("-"), "created_at"}
        names |= {order.removeprefix("-") for order in self.keys.values() if order}
        if self.is_soft:
            names.add("deleted_at")
        return sorted(names - secret_fields(self.model))

    def column(self, name: str) -> HtmlColumn:
        """A column by its name: a field, or a method marked with `computed`."""
        field = field_of(self.model, name)
        if field is not None:
            return FieldColumn(field)
        method: HtmlColumn = getattr(self, name)
        return method

    def columns_of(self, names: Iterable[str]) -> list[HtmlColumn]:
        """The columns of a table of rows: the first one opens the row."""
        first, *others = map(self.column, names)
        return [Opening(first), *others]

    def _field(self, name: str) -> AnyField:
        field = field_of(self.model, name)
        assert field is not None, name  # noqa: S101 - the checks below ensure it
        return field

    def make_ready(self, request: StaffRequest, rows: Iterable[Any]) -> None:
        """Give rows what is needed to show them to this user: the links of their foreign keys."""
        attach(request, self.admin_site, rows)

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

    def url_name(self, view: str) -> str:
        """The name of a URL of this screen, without its namespace."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"

    def log_reading(self, request: StaffRequest) -> None:
        """Log what was read, without what was searched for."""
        if not self.personal:
            return
        row = getattr(request, "inspected", None)
        action = f"{self.opts.db_table}.{'list' if row is None else 'view'}"
        self.admin_site.record(request, action, row or self.model)
