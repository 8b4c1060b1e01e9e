"""The names of the rows that foreign keys refer to, for all rows of a page, in one query."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.contrib import admin
from django.db import connections
from django.db.models import ForeignKey, Model
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from psycopg import sql

from veza_core.access import StaffRequest

from .display import NOTHING, SHORT, AnyForeignKey, badge, shortened
from .display import address as address_code
from .legible import escape, name_html
from .site import StaffSite

#: Where a row stores the links of its foreign keys, by column.
_LINKS = "_veza_links"

#: Where a row stores the list that its IP address links to.
_SEEN = "_veza_seen"

#: Where a row stores the request of the user to whom it is shown.
_VIEWER = "_veza_viewer"

#: Replaces a row's id in the URL pattern of a table.
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Link:
    """The row that a foreign key refers to. It has no URL (of `url_of`) if the user may not
    read it.
    """

    text: str
    url: str = ""
    deleted: bool = False

    def html(self) -> SafeString:
        shown = name_html(shortened(self.text))
        if self.url:
            shown = SafeString(f'<a href="{self.url}">{shown}</a>')
        if self.deleted:
            return format_html('<span class="gone">{}</span> {}', shown, badge("deleted"))
        return shown


@cache
def foreign_keys(model: type[Model]) -> tuple[AnyForeignKey, ...]:
    """The foreign keys of a model."""
    return tuple(field for field in model._meta.concrete_fields if isinstance(field, ForeignKey))


@cache
def model_of(table: str) -> type[Model] | None:
    """The model of a table; None if it has none."""
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)


def list_of(model: type[Model], /, **filters: Any) -> str:
    """The list of a table's rows, or of those that filters select."""
    address = _address(model, "changelist", (), get_urlconf(), get_script_prefix())
    return f"{address}?{urlencode(filters)}" if filters else address


def url_of(model: type[Model], pk: Any) -> str:
    """The page of a row."""
    return pages_of(model).replace(PLACEHOLDER, str(pk))


def pages_of(model: type[Model]) -> str:
    """The URLs of a table's rows, with `PLACEHOLDER` instead of a row's id."""
    return _address(model, "change", (PLACEHOLDER,), get_urlconf(), get_script_prefix())


def view_url(model: type[Model], view: str, *args: Any) -> str:
    """A page of a table, by the end of its URL's name, or of a row, whose key comes first."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@cache
def _address(
    model: type[Model], view: str, args: tuple[str, ...], urlconf: str | None, prefix: str
) -> str:
    """`reverse`, which is slow: a page has hundreds of links. `prefix` is where the URL begins."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", urlconf, args=args)


def attach(request: StaffRequest, site: StaffSite, rows: Iterable[Model]) -> None:
    """Give each row the links of its foreign keys, for `link_html`. One query for all."""
    rows = list(rows)
    wanted = _wanted(rows)
    named = {model: ids for model, ids in wanted.items() if may_read(request, model)}
    found = _find(site, named)
    gone = Link("gone")
    by_address = site.address_filter(request)
    for row in rows:
        row.__dict__[_VIEWER] = request
        if by_address and row._meta.db_table in by_address[1].tables:
            row.__dict__[_SEEN] = list_of(by_address[0].model)
        row.__dict__[_LINKS] = {
            key.attname: found.get((key.related_model, pk), gone)
            for key, pk in _loaded(row)
            if key.related_model in named
        }


def seen_at(row: Model, address: str) -> str:
    """The list of the accounts that were seen at an IP address of a row, after `attach`.

    Empty if the user may not use it, or if it does not search the row's table.
    """
    url = row.__dict__.get(_SEEN)
    return f"{url}?address={quote(address, safe='')}" if url else ""


def address_html(row: Model, address: str) -> SafeString:
    """An IP address of a row after `attach`, with a link to all accounts that were seen there."""
    shown = address_code(address)
    if url := seen_at(row, address):
        return SafeString(f'<a href="{url}" title="Accounts seen there">{shown}</a>')
    return shown


def link_html(row: Model, key: AnyForeignKey) -> SafeString:
    """The link of a foreign key of a row after `attach`."""
    pk = getattr(row, key.attname)
    if pk is None:
        return NOTHING
    link = row.__dict__.get(_LINKS, {}).get(key.attname)
    # Users who may not read the other table see the beginning of the id.
    return link.html() if link else escape(str(pk)[:8])


def link_to(site: StaffSite, model: type[Model], pk: uuid.UUID) -> SafeString:
    """The name of a row that the user may read, as a link."""
    return _find(site, {model: {pk}}).get((model, pk), Link("gone")).html()


def name_of(row: Model, key: AnyForeignKey) -> str:
    """The text of a foreign key's link, of a row after `attach`; empty if it has none."""
    link = row.__dict__.get(_LINKS, {}).get(key.attname)
    return shortened(link.text) if link and getattr(row, key.attname) is not None else ""


def may_read(request: StaffRequest, model: type[Model]) -> bool:
    """Whether the user may read a table."""
    return bool(request.access.may(model._meta.db_table, "read"))


def may_open_from(row: Model, model: type[Model]) -> bool:
    """Whether the user to whom a row is shown, after `attach`, may open pages of a table."""
    site: Any = admin.site
    screen, request = site.screen_of(model), row.__dict__.get(_VIEWER)
    return screen is not None and request is not None and screen.has_view_permission(request)


def viewer_of(row: Model) -> StaffRequest:
    """The request of the user to whom a row is shown, after `attach`."""
    found: StaffRequest = row.__dict__[_VIEWER]
    return found


def _loaded(row: Model) -> Iterator[tuple[AnyForeignKey, uuid.UUID]]:
    """The foreign keys of a row that were selected and are not NULL."""
    for key in foreign_keys(type(row)):
        pk = row.__dict__.get(key.attname)
        if pk is not None:
            yield key, pk


def _wanted(rows: Iterable[Model]) -> dict[type[Model], set[uuid.UUID]]:
    wanted: dict[type[Model], set[uuid.UUID]] = defaultdict(set)
    for row in rows:
        for key, pk in _loaded(row):
            wanted[key.related_model].add(pk)
    return wanted


def _find(
    site: StaffSite, wanted: dict[type[Model], set[uuid.UUID]]
) -> dict[tuple[type[Model], uuid.UUID], Link]:
    if not wanted:
        return {}
    models = {model._meta.db_table: model for model in wanted}
    with connections[site.read_alias].cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(_named(site, model) for model in wanted),
            {model._meta.db_table: list(ids) for model, ids in wanted.items()},
        )
        found = cursor.fetchall()
    pages = {table: pages_of(model) for table, model in models.items()}
    return {
        (models[table], pk): Link(
            text or str(pk)[:8], pages[table].replace(PLACEHOLDER, str(pk)), deleted
        )
        for table, pk, text, deleted in found
    }


@cache
def _named(site: StaffSite, model: type[Model]) -> str:
    """Selects table, key, name, and whether it is deleted, for some rows of one table."""
    table = model._meta.db_table
    screen = site.screen_of(model)
    label = screen.label if screen else ""
    soft = any(field.name == "deleted_at" for field in model._meta.concrete_fields)
    return (
        sql.SQL("SELECT {}, id, {}, {} FROM {} WHERE id = ANY ({})")
        .format(
            table,
            sql.SQL("left({}::text, {})").format(column_of(model, label), SHORT + 1)
            if label
            else sql.SQL("NULL"),
            sql.SQL("deleted_at IS NOT NULL" if soft else "false"),
            sql.Identifier(table),
            sql.Placeholder(table),
        )
        .as_string()
    )


def column_of(model: type[Model], name: str) -> sql.Identifier:
    """A field's column, for SQL."""
    field: Any = model._meta.get_field(name)
    return sql.Identifier(field.column)
