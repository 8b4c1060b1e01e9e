"""The page of a row, and its timeline."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from .actions import buttons
from .base import BaseScreen
from .columns import field_of, heading, secret_fields, show
from .display import badge, declared, explained
from .errors import NotThereError
from .guard import row_view
from .labels import seen_at, url_of, view_url
from .panels import contents, panels_of
from .timeline import ON_ROW, Timeline, parse_query, timeline

#: What every page ends with.
ROW = ("id", "created_at", "updated_at", "deleted_at")


class RowPages(BaseScreen):
    """The pages of a screen that show one row."""

    page_template = "veza/page.html"

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

    @row_view
    def change_view(self, request: StaffRequest, row: Any) -> HttpResponse:
        return self.admin_site.page(request, self.page_template, self.page_context(request, row))

    @row_view
    def timeline_view(self, request: StaffRequest, row: Any) -> HttpResponse:
        """What happened around a row: see `timeline`."""
        kind, before = parse_query(request.GET)
        page = timeline(self.admin_site, request, row, kind=kind, before=before)
        self.make_ready(request, page.rows)
        context = {
            **self.timeline_context(row, page),
            "title": format_html("Timeline: {}", self.title_of(row)),
            "page_title": f"Timeline: {self.page_title(row)}",
            "opts": self.opts,
            "row_url": url_of(self.model, row.pk),
            "row_title": self.page_title(row),
            "newest_url": self.timeline_url(row, kind) if before else "",
        }
        return self.admin_site.page(request, "veza/timeline_page.html", context)

    def timeline_url(self, row: Any, kind: str = "", before: Any = None) -> str:
        given = {"kind": kind, "before": before}
        query = {name: value for name, value in given.items() if value}
        address = view_url(self.model, "timeline", row.pk)
        return f"{address}?{urlencode(query)}" if query else address

    def timeline_context(self, row: Any, page: Timeline) -> dict[str, Any]:
        kinds = [("Everything", ""), *((kind, kind) for kind in page.kinds)]
        return {
            "timeline": page,
            "timeline_kinds": [
                (name, self.timeline_url(row, kind), kind == page.kind) for name, kind in kinds
            ],
            "further_url": self.timeline_url(row, page.kind, page.further) if page.further else "",
        }

    def page_context(self, request: StaffRequest, row: Any) -> dict[str, Any]:
        panels = panels_of(self.admin_site, request, row)
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
            page = timeline(self.admin_site, request, row, size=ON_ROW)
            lived = self.timeline_context(row, page)
            related += page.rows
        self.make_ready(request, [row, *related])
        shown = [panel for panel in panels if panel.rows]
        extra = self.admin_site.staff_panels(request, row)
        for number, panel in enumerate(shown, 1):
            panel.anchor = f"panel-{number}"
        for number, panel in enumerate(extra, 1):
            panel.anchor = f"panel-{number}-staff"
        lead = sum(panel.table_name in first for panel in shown) if self.panels_lead else 0
        timed = [None] if self.has_timeline else []
        parts = [*shown[:lead], *timed, *extra, *shown[lead:]]
        return {
            **lived,
            "title": self.title_of(row),
            "page_title": self.page_title(row),
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
            "leading": lead,
            "contents": contents(parts) if len(parts) > 1 else "",
            "empty_panels": [panel for panel in panels if not panel.rows],
        }

    def glance(self, request: StaffRequest, row: Any) -> Sequence[SafeString]:
        """What must be seen first: badges and short sentences at the head of the page."""
        states = [name for name in ("state", "status") if name in self.columns]
        seen = [self.column(name)(row) for name in states]
        if getattr(row, "deleted_at", None) is not None:
            seen.append(badge("deleted"))
        address = getattr(row, "ip_address", None)
        if address and (url := seen_at(row, address)):
            seen.append(format_html('<a href="{}">Accounts seen at {}</a>', url, address))
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
            method = self.column(name)
            return method.short_description, method(row), ""
        return heading(field), show(field, row, whole=True), explained(field.db_comment or "")[0]
