"""What foreign keys point at, by name: for all rows of a page, in one query."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import (
    BooleanField,
    Case,
    F,
    ForeignKey,
    Model,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from .display import NOTHING, SHORT, AnyForeignKey, badge

#: Where a row keeps the links of its foreign keys, by column.
_LINKS = "_veza_links"

#: In the place of a row's id, in the address that all rows of a table share.
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Link:
    """What a foreign key points at. Without a URL for who may not read it."""

    text: str
    url: str = ""
    deleted: bool = False

    def html(self) -> SafeString:
        """The name, and the way there."""
        text = self.text if len(self.text) <= SHORT else self.text[: SHORT - 1] + "…"
        shown = format_html('<a href="{}">{}</a>', self.url, text) if self.url else text
        if self.deleted:
            return format_html('<span class="gone">{}</span> {}', shown, badge("deleted"))
        return conditional_escape(shown)


def foreign_keys(model: type[Model]) -> tuple[AnyForeignKey, ...]:
    """The foreign keys of a model."""
    return tuple(field for field in model._meta.concrete_fields if isinstance(field, ForeignKey))


def url_of(model: type[Model], pk: Any) -> str:
    """The page of a row."""
    return _pages_of(model, get_urlconf(), get_script_prefix()).replace(PLACEHOLDER, str(pk))


@cache
def _pages_of(model: type[Model], urlconf: str | None, prefix: str) -> str:
    """The pages of a table's rows. Kept: a page has hundreds of links, and `reverse` is slow."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", urlconf, args=[PLACEHOLDER])


def attach(request: HttpRequest, site: AdminSite, alias: str, rows: Iterable[Model]) -> None:
    """Give each row the links of its foreign keys, for `link_html`. One query for all."""
    rows = list(rows)
    wanted = _wanted(rows)
    named = {model: ids for model, ids in wanted.items() if _may_read(request, model)}
    found = _find(site, alias, named)
    for row in rows:
        links = {}
        for key, pk in _loaded(row):
            model = key.related_model
            links[key.attname] = (
                found.get((model, pk), Link("gone")) if model in named else Link(str(pk)[:8])
            )
        row.__dict__[_LINKS] = links


def link_html(row: Model, key: AnyForeignKey) -> SafeString:
    """The link of a foreign key of a row that `attach` has seen."""
    pk = getattr(row, key.attname)
    if pk is None:
        return NOTHING
    links: dict[str, Link] = row.__dict__.get(_LINKS, {})
    return links.get(key.attname, Link(str(pk)[:8])).html()


def _may_read(request: HttpRequest, model: type[Model]) -> bool:
    return bool(request.access.may(model._meta.db_table, "read"))  # type: ignore[attr-defined]


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
    site: AdminSite, alias: str, wanted: dict[type[Model], set[uuid.UUID]]
) -> dict[tuple[type[Model], uuid.UUID], Link]:
    models = list(wanted)
    queries = [
        _query(site, alias, place, model, wanted[model]) for place, model in enumerate(models)
    ]
    if not queries:
        return {}
    rows: Iterable[Any] = queries[0].union(*queries[1:], all=True) if queries[1:] else queries[0]
    return {
        (models[place], pk): Link(text or str(pk)[:8], url_of(models[place], pk), deleted)
        for place, pk, text, deleted in rows
    }


def _query(
    site: AdminSite, alias: str, place: int, model: type[Model], ids: set[uuid.UUID]
) -> QuerySet[Any]:
    """Key, name, and whether it is deleted, of some rows of one table."""
    label = getattr(site.get_model_admin(model), "label", "")
    soft = any(field.name == "deleted_at" for field in model._meta.concrete_fields)
    deleted: Any = Value(False)
    if soft:
        deleted = Case(When(deleted_at__isnull=False, then=True), default=False,
                       output_field=BooleanField())  # fmt: skip
    return (
        model._base_manager.using(alias)
        .filter(pk__in=ids)
        .order_by()
        .values_list(
            Value(place),
            "pk",
            Cast(F(label), TextField()) if label else Value("", output_field=TextField()),
            deleted,
        )
    )
