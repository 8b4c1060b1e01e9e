"""A list without COUNT(*), OFFSET, or a filter that reads the table: see `keyset` and
`unsorted`.
"""

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import capfirst

from veza_core.access import staff_request

from .bounded import IN_LIST, bounded
from .columns import Box, HtmlTable, heading
from .filters import FilteredList, FilterLink
from .keyset import Count, Page
from .order import Place
from .source import PageSource
from .states import View


class KeysetChangeList(FilteredList):
    """Django's change list, with rows from `Listing` and pages by cursor.

    Raises `HelpfulError` for an invalid query string.
    """

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
        self.parameters = self.model_admin.parameters(staff_request(request))
        self.listing = staff_request(request).listing
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        self.page, self.count = self._read()
        self.result_list = self.page.rows
        row = self.key_row()
        self.model_admin.make_ready(staff_request(request), [*self.result_list, row])
        self.chips = list(self._chips(staff_request(request), row))
        # Django's view and templates read these.
        self.result_count = len(self.result_list)
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
        columns: list[Any] = [name for name in self.list_display if name != "action_checkbox"]
        table = HtmlTable.of(columns, self.result_list)
        if not self.chooses:
            return table
        box = Box(self.model_admin.label, self.ticked)
        rows = zip(self.result_list, table.rows, strict=True)
        return HtmlTable(table.headings, [[box(row), *cells] for row, cells in rows])

    def link_to(self, place: Place | None) -> str:
        return self.link(**{place.name: str(place.cursor)}) if place else ""

    @property
    def first_url(self) -> str:
        return self.link()

    @property
    def previous_url(self) -> str:
        return self.link_to(self.page.previous)

    @property
    def next_url(self) -> str:
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
        if not self.listing.order.by_time:
            ends = ("descending", "ascending")
        elif self.listing.order.column == "created_at":
            ends = ("newest first", "oldest first")
        else:
            # For a time that may be in the future.
            ends = ("latest first", "earliest first")
        field: Any = self.opts.get_field(self.listing.order.column)
        return f"{heading(field)}, {ends[not self.listing.order.descending]}"

    @cached_property
    def views(self) -> list[FilterLink]:
        views = [View("All", {}), *self.model_admin.all_views()]
        return [
            FilterLink(view.label, f"?{urlencode(view.query)}", view.query == self.filled)
            for view in views
        ]

    def get_filters(self, request: HttpRequest) -> Any:
        return [], False, {}, False, False
