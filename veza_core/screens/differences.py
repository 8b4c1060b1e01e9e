"""What changed, column by column, with the values before and after."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, ForeignKey, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .columns import field_of, heading
from .display import NOTHING, SHORT, short_id, shortened, value_text, words
from .labels import may_open_from, url_of
from .legible import name_html
from .units import exact

#: The most characters of a value on a page, and the most changes in a list.
LONGEST, IN_LIST = 300, 3

#: The characters that are shown before and after the part of a text that changed.
CONTEXT_LENGTH = 20


def differences(
    model: type[Model] | None,
    before: Any,
    after: Any,
    *,
    whole: bool = True,
    row: Model | None = None,
) -> SafeString:
    """The columns with different values: on a page a line for each, in a list the first few.

    `row` has these values; without it, there are no links to other rows.
    """
    if not all(value is None or isinstance(value, dict) for value in (before, after)):
        # Too long for a page: both are shown as they were recorded.
        return NOTHING if whole else SafeString('<span class="quiet">too long for a list</span>')
    before, after = before or {}, after or {}
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    if not names:
        return NOTHING
    lines = _lines(row, model, names if whole else names[:IN_LIST], before, after, whole)
    if whole:
        items = format_html_join("", "<li>{}: {}</li>", lines)
        return format_html('<ul class="document">{}</ul>', items)
    more = len(names) - IN_LIST
    shown = format_html_join(", ", "{}: {}", lines)
    return format_html("{}{}", shown, f", and {more} more" if more > 0 else "")


def _lines(
    row: Model | None,
    model: type[Model] | None,
    names: list[str],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    whole: bool,
) -> Iterator[tuple[SafeString, SafeString]]:
    """The name of each column, and how its value changed; without a value that was not recorded."""
    most = LONGEST if whole else SHORT
    for name in names:
        old, new = before.get(name), after.get(name)
        if isinstance(old, str) and isinstance(new, str):
            old, new = _parts_that_differ(old, new, most)
        values = [
            format_html(f"<{tag}>{{}}</{tag}>", _value(row, model, name, value, most))
            for tag, value, recorded in (("del", old, before), ("ins", new, after))
            if name in recorded
        ]
        field = field_of(model, name.removesuffix("_id")) if model else None
        label = heading(field) if field else words(name.removeprefix("is_"))
        yield name_html(shortened(label)), SafeString(" → ".join(values))


def _parts_that_differ(old: str, new: str, most: int) -> tuple[str, str]:
    """Two long texts without what both begin and end with; shorter ones as they are."""
    if len(old) <= most and len(new) <= most:
        return old, new
    begin = _same(old, new)
    rest = min(len(old), len(new)) - begin
    end = min(rest, _same(old[::-1], new[::-1]))
    begin, end = max(begin - CONTEXT_LENGTH, 0), max(end - CONTEXT_LENGTH, 0)
    first, second = (
        f"{'…' if begin else ''}{text[begin : len(text) - end]}{'…' if end else ''}"
        for text in (old, new)
    )
    return first, second


def _same(first: str, second: str) -> int:
    """The number of characters that two texts both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _value(
    row: Model | None, model: type[Model] | None, name: str, value: Any, most: int
) -> SafeString:
    field: Any = model and (field_of(model, name) or field_of(model, name.removesuffix("_id")))
    if isinstance(value, str) and isinstance(field, (ForeignKey, DateTimeField)):
        try:
            known = field.to_python(value)
        except ValidationError:
            # As it was recorded, for example by an older release.
            known = value
        if isinstance(known, datetime):
            return format_html("{}", exact(known))
        target: Any = field.related_model
        if row is not None and isinstance(known, UUID) and may_open_from(row, target):
            url = url_of(target, known)
            return format_html('<a href="{}">{}</a>', url, short_id(str(known)))
    return name_html(shortened(value_text(name, value), most))
