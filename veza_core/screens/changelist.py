"""A list without COUNT(*), OFFSET, or a filter that reads the table: see `keyset` and
`unsorted`.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_core.access import staff_request

from .bounded import IN_LIST, bounded
from .columns import Box, HtmlTable, heading
from .filters import Chip, FilterGroup, FilterLink, KeyForm, chips, groups, key_forms, probe
from .keyset import Count, Page
from .listing import Listing, Screen
from .order import Place
from .source import PageSource
from .states import View

if TYPE_CHECKING:
    from .inspection import InspectionAdmin


class KeysetChangeList(ChangeList):
    """Django's change list, with rows from `Listing` and pages by cursor.

    Raises `HelpfulError` for an invalid query string.
    """

    model_admin: "InspectionAdmin"
    screen: Screen
    listing: Listing
    chips: list[Chip]
    page: Page[Any]
    #: None: counting would need to read rows that no index finds.
    count: Count | None
    #: Whether the key has more rows than this list shows.
    cut: bool = False
    #: The keys of the rows that are ticked when the page opens.
    ticked: Collection[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Instead of "Select … to view".
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_queryset(self, request: HttpRequest, *_: Any, **__: Any) -> QuerySet[Any]:
        """All rows; `get_results` reads the requested ones."""
        self.screen = self.model_admin.screen(staff_request(request))
        self.listing = staff_request(request).listing
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        self.page, self.count = self._read()
        self.result_list = self.page.rows
        example = probe(self)
        self.model_admin.make_ready(staff_request(request), [*self.result_list, example])
        self.chips = list(chips(self, staff_request(request), example))
        # Django's view and templates read these.
        self.result_count = len(self.result_list)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = self.page.previous is not None or self.page.next is not None

    def _read(self) -> tuple[Page[Any], Count | None]:
        names = self.model_admin.selected(self.list_display)
        rows = bounded(self.root_queryset, names, IN_LIST)
        source = PageSource.of(rows, self.listing)
        self.cut = source.cut
        page = source.page(self.listing.place, self.list_per_page)
        count = page.count or source.count()
        if count is None and page.previous is None and page.next is None:
            # All that there is.
            count = Count(len(page.rows))
        return page, count

    @property
    def chooses(self) -> bool:
        """Whether rows can be selected for an action."""
        return "action_checkbox" in self.list_display

    @property
    def table(self) -> HtmlTable:
        """The rows, as the template shows them."""
        columns: list[Any] = [name for name in self.list_display if name != "action_checkbox"]
        table = HtmlTable.of(columns, self.result_list)
        if not self.chooses:
            return table
        box = Box(self.model_admin.label, self.ticked)
        rows = zip(self.result_list, table.rows, strict=True)
        return HtmlTable(table.headings, [[box(row), *cells] for row, cells in rows])

    def link(self, **changes: str | None) -> str:
        """The list's URL with its filters and these changes; None removes a filter.

        It leads to the first page.
        """
        given = self.filled | changes
        return "?" + urlencode({name: value for name, value in given.items() if value is not None})

    def link_to(self, place: Place | None) -> str:
        """The URL of the page at a place; empty for None."""
        return self.link(**{place.name: str(place.cursor)}) if place else ""

    @property
    def first_url(self) -> str:
        return self.link()

    @property
    def previous_url(self) -> str:
        """The URL of the previous page; empty if there is none."""
        return self.link_to(self.page.previous)

    @property
    def next_url(self) -> str:
        """The URL of the next page; empty if there is none."""
        return self.link_to(self.page.next)

    @property
    def last_url(self) -> str:
        return self.link(last="1")

    @property
    def turned_url(self) -> str:
        """The same list in reverse order."""
        return self.link(order=None if self.is_reversed else "reversed")

    @property
    def order_name(self) -> str:
        """The list's order, in words."""
        if not self.listing.by_time:
            ends = ("descending", "ascending")
        elif self.listing.order.column == "created_at":
            ends = ("newest first", "oldest first")
        else:
            # For a time that may be in the future.
            ends = ("latest first", "earliest first")
        return f"{self.order_heading}, {ends[not self.listing.order.descending]}"

    @property
    def is_reversed(self) -> bool:
        """Whether the user chose the reverse direction."""
        return "order" in self.params

    @cached_property
    def filled(self) -> dict[str, str]:
        """What a form must contain to keep the active filters."""
        listing = self.listing
        given = {name: str(value) for name, value in listing.keys.items()} | listing.range
        given |= {name: option.value for name, option in listing.options.items()}
        given |= listing.criteria
        return given | ({"order": "reversed"} if self.is_reversed else {})

    @cached_property
    def views(self) -> list[FilterLink]:
        """Common questions about this list, for the template."""
        views = [View("All", {}), *self.model_admin.all_views()]
        return [
            FilterLink(view.label, f"?{urlencode(view.query)}", view.query == self.filled)
            for view in views
        ]

    @cached_property
    def groups(self) -> list[FilterGroup]:
        """The filters, for the template."""
        return list(groups(self))

    @cached_property
    def active_filters(self) -> list[SafeString]:
        """The active filters, in words."""
        typed = [(chip.label, chip.value) for chip in self.chips]
        chosen = [(group.title, group.chosen) for group in self.groups if group.chosen]
        return [format_html("{}: {}", *one) for one in (*typed, *chosen)]

    @cached_property
    def key_forms(self) -> list[KeyForm]:
        """The text fields for keys, for the template."""
        return list(key_forms(self))

    def hints(self) -> list[str]:
        """Hints about the rows, for the template."""
        given = self.listing.criteria
        return [one.hint for one in self.screen.criteria if one.hint and one.name in given]

    @property
    def order_heading(self) -> str:
        """The heading of the column that sorts the list."""
        field: Any = self.opts.get_field(self.listing.order.column)
        return heading(field)

    @property
    def date_heading(self) -> str:
        """The heading of the column that dates filter."""
        field: Any = self.opts.get_field(self.listing.time)
        return heading(field)

    def get_filters(self, request: HttpRequest) -> Any:
        return [], False, {}, False, False
