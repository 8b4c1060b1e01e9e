"""Values of any size, cut by PostgreSQL before they are read, so that no row can break a page.

Texts, JSON documents and arrays have no size limit: with 16 MB in each row, a list would take 800
MB. Python also cannot read JSON that is nested too deeply, or that has an integer with thousands of
digits, nor the time 24:00, nor a long interval, nor a range up to infinity. Such types are read as
PostgreSQL writes them.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    F,
    FloatField,
    ForeignKey,
    Func,
    GeneratedField,
    GenericIPAddressField,
    IntegerField,
    JSONField,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)
from django.db.models.functions import Cast, Left
from django.db.models.query import ModelIterable
from psycopg import sql

from veza_core.db.fields import EnumField

from .display import AnyField

#: The most characters of a value in a list, on a row's own page, and in a spreadsheet's cell: Excel
#: and LibreOffice accept 32,767.
IN_LIST, ON_PAGE, IN_CELL = 200, 10_000, 32_000

#: A JSON document with deeper nesting is shown as it is, not over several lines.
DEEPEST = 20

#: The prefix of the alias for the beginning of a field.
_BEGINNING = "beginning_of_"


class Excerpt(str):
    """The beginning of a longer value, or the text of a JSON document that cannot be read."""


#: Types with values of limited size, all of which Python can read (`veza_core.db.infinity` helps).
_READABLE = (
    *(BooleanField, DateField, DecimalField, EnumField, FloatField),
    *(GenericIPAddressField, IntegerField, UUIDField),
)


def type_of(field: AnyField) -> AnyField:
    """The field with the type of the column: that of a generated value, or of the referred key."""
    if isinstance(field, GeneratedField) and field.output_field:
        return field.output_field
    return field.target_field if isinstance(field, ForeignKey) else field


def is_read_as_text(field: AnyField) -> bool:
    """Whether the column of a field is read as text, and cut: see the module."""
    field = type_of(field)
    if isinstance(field, CharField) and field.max_length is not None:
        return False
    return not isinstance(field, _READABLE)


def as_text(field: AnyField) -> Any:
    """A field of `is_read_as_text` as text, for query sets; arrays as JSON."""
    if isinstance(type_of(field), ArrayField):
        return Cast(Func(F(field.attname), function="array_to_json"), TextField())
    return Cast(F(field.attname), TextField())


def as_columns(model: type[Model], names: Iterable[str]) -> sql.Composed:
    """Fields' columns, for SQL that selects rows as JSON; those without a limit are cut."""
    return sql.SQL(", ").join(_as_column(model._meta.get_field(name)) for name in names)


def _as_column(field: Any) -> sql.Composable:
    column = sql.Identifier(field.column)
    if not is_read_as_text(field):
        return column
    is_array = isinstance(type_of(field), ArrayField)
    text = sql.SQL("array_to_json({})" if is_array else "{}").format(column)
    return sql.SQL("left({}::text, {}) AS {}").format(text, IN_LIST + 1, column)


def bounded(
    rows: QuerySet[Any], names: Iterable[str], characters: int, *, parse: bool = True
) -> QuerySet[Any]:
    """The rows with only these fields; what is read as text has at most so many characters.

    `parse`: complete JSON and arrays become Python values; otherwise all of them stay texts.
    """
    model = rows.model
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    cut = [field for field in fields if is_read_as_text(field)]
    rows = rows.only(*(field.name for field in fields if field not in cut))
    rows = rows.annotate(
        **{_BEGINNING + field.name: Left(as_text(field), characters + 1) for field in cut}
    )
    rows._iterable_class = _rows_of(tuple(cut), characters, parse)
    return rows


@cache
def _rows_of(cut: tuple[AnyField, ...], characters: int, parse: bool) -> type[Any]:
    """Creates a query set's rows, with the beginnings instead of the fields."""

    class Rows(ModelIterable):
        def __iter__(self) -> Iterator[Any]:
            for row in super().__iter__():
                for field in cut:
                    text = row.__dict__.pop(_BEGINNING + field.name)
                    row.__dict__[field.attname] = loaded(field, text, characters, parse=parse)
                yield row

    return Rows


def loaded(field: AnyField, text: str | None, characters: int, *, parse: bool = True) -> Any:
    """A field's value from its text, of which one character more was read than is shown."""
    if text is None:
        return None
    if len(text) > characters:
        return Excerpt(text[:characters])
    if not parse or not isinstance(type_of(field), (JSONField, ArrayField)):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # An integer with more digits than Python reads, or a deeper nesting than it supports.
        return Excerpt(text)
    return value if _depth(value) <= DEEPEST else Excerpt(text)


def _depth(value: Any) -> int:
    """How deeply lists and objects are nested; without recursion, at most `DEEPEST` + 1."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        inner = [one for one in level if isinstance(one, (list, dict))]
        if not inner:
            break
        depth += 1
        level = [each for one in inner for each in (one.values() if isinstance(one, dict) else one)]
    return depth
