"""Values as people read them. Everything that comes from a row is always escaped."""

import json
import uuid
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from math import isfinite
from typing import Any

from django.apps import apps
from django.db.models import Field, ForeignKey, GenericIPAddressField, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_core.db.fields import EnumField
from veza_core.db.infinity import WORDS
from veza_core.screens.units import UNITS, when, when_exactly

from .legible import name_html, text_html

#: Only mypy can subscript Django's fields with types; at run time they cannot be subscripted.
type AnyField = Field[Any, Any]
type AnyForeignKey = ForeignKey[Any, Any]

#: Shown for NULL; a screen reader reads the words.
NOTHING = SafeString('<span class="nothing" title="not set">–</span>')

#: The most characters of a text in a list.
SHORT = 80


@cache
def declared(name: str) -> dict[str, Any]:
    """Return what all apps declare in this attribute of their `AppConfig`.

    - `tones`: the colour of a state's badge: good, busy, bad or staff. Others are quiet.
    - `units`: the unit of the numbers in a column, by the column's name or its end: see `UNITS`.
    - `panels_first`: the tables whose panels come first on the page of a row, by the row's table,
      after those that the row's own screen names.
    - `content`: the tables of users' content, each with the foreign key to the owner.
    - `seen_at`: the tables with a user's `ip_address`. Each has the column of the user, by which an
      index sorts its rows, and a column with a time, whose newest rows another index finds.
    - `reasons`: usual reasons for an action: see `actions.forms.usual_reasons`.
    """
    parts = (getattr(config, name, {}) for config in apps.get_app_configs())
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            # Several apps can add to tuples.
            both = isinstance(value, tuple) and key in found
            found[key] = (*found[key], *value) if both else value
    return found


def words(name: str) -> str:
    """`run_after` as words: "Run after"."""
    return capfirst(name.replace("_", " ")) or ""


@lru_cache(maxsize=256)
def badge(state: str, label: str = "", tone: str = "") -> SafeString:
    """A coloured state; the colour never says more than the words."""
    tone = tone or declared("tones").get(state, "quiet")
    return format_html('<span class="badge badge-{}">{}</span>', tone, label or words(state))


def yes_no(value: bool) -> SafeString:
    """A boolean, as a word and a sign."""
    return SafeString('<span class="yes">✓ Yes</span>' if value else '<span class="no">✗ No</span>')


def copy_button(value: uuid.UUID | str) -> SafeString:
    """A button that copies a complete UUID (`copy.js`)."""
    return SafeString(
        f'<button type="button" class="copy" data-copy="{value}" aria-label="Copy {value}">'
        '<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" fill="none"'
        ' stroke="currentColor"><rect x="1" y="1" width="7" height="7" rx="1"/>'
        '<path d="M4 10.5h6a1 1 0 0 0 1-1v-6"/></svg></button>'
    )


def short_id(value: uuid.UUID | str) -> SafeString:
    """The first 8 characters of a UUID; all of them for the pointer."""
    text = str(value)
    return SafeString(f'<code class="uuid" title="{text}">{text[:8]}</code>')


def whole_id(value: Any) -> SafeString:
    """A complete UUID."""
    return format_html('<code class="uuid">{}</code>', value)


def address(value: str) -> SafeString:
    """An IP address, which continues on a second line only after a colon or a dot."""
    # It needs no escaping: it has digits, letters, and `.:/`.
    shown = value.replace(":", ":<wbr>").replace(".", ".<wbr>")
    return SafeString(f'<code class="address">{shown}</code>')


def pretty_json(value: Any) -> SafeString:
    """JSON over several lines. Its size and depth are limited when it is read: see `bounded`."""
    written = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html("<pre>{}</pre>", text_html(written))


def value_text(name: str, value: Any) -> str:
    """A value from JSON, in words; `name` is its key or column."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        unit = _unit(name, value)
        return unit(value) if unit else f"{value:,}"
    if not isinstance(value, (dict, list)):
        return str(value)
    inner = value.values() if isinstance(value, dict) else value
    if not value or any(isinstance(one, (dict, list)) for one in inner):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, list):
        return ", ".join(value_text(name, one) for one in value)
    return ", ".join(f"{_key(key)}: {value_text(key, value[key])}" for key in sorted(value))


def document(values: dict[str, Any], *, whole: bool) -> SafeString:
    """A JSON object: in a list, on one line; on a page, a line for each key."""
    if not values:
        return NOTHING
    if not whole:
        # No more than a list shows, whatever its size.
        line = ", ".join(
            f"{_key(key)}: {value_text(key, values[key])}" for key in sorted(values)[:SHORT]
        )
        return name_html(shortened(line))
    if any(isinstance(value, (dict, list)) for value in values.values()):
        return pretty_json(values)
    return format_html(
        '<ul class="document">{}</ul>',
        format_html_join(
            "",
            "<li>{}: {}</li>",
            (
                (name_html(_key(key)), text_html(value_text(key, values[key])))
                for key in sorted(values)
            ),
        ),
    )


def _key(name: str) -> str:
    """A key of a document, often a column's name, in words."""
    return words(name.removeprefix("is_"))


def explained(comment: str) -> tuple[str, str]:
    """What the database says about a column: what it is, and what NULL means.

    Comments have the form "No sign-in before this time; NULL: not locked" (docs/schema.md).
    """
    text, _, unset = comment.partition("NULL: ")
    return text.rstrip("; "), unset


def shortened(value: str, most: int = SHORT) -> str:
    """At most so many characters of a text, with a sign if there are more."""
    return value if len(value) <= most else value[: most - 1] + "…"


def text(value: str, *, whole: bool) -> SafeString:
    """Text with its line breaks, or its beginning."""
    if whole:
        return format_html('<span class="text">{}</span>', text_html(value))
    return name_html(shortened(value))


def mail(value: str) -> SafeString:
    """An e-mail, which continues on a second line only from its @, if that is enough."""
    return SafeString(f'<span class="mail">{name_html(value).replace("@", "<wbr>@", 1)}</span>')


def cell(field: AnyField, row: Model, *, whole: bool) -> SafeString:
    """A column of a row; `whole` on its own page, otherwise as short as a list needs."""
    value = getattr(row, field.attname)
    if value is None:
        unset = explained(field.db_comment or "")[1] if whole else ""
        return format_html('<span class="nothing">{}</span>', unset) if unset else NOTHING
    if isinstance(field, EnumField) or field.choices:
        return badge(str(value))
    return _by_type(field, value, whole)


def _by_type(field: AnyField, value: Any, whole: bool) -> SafeString:
    match value:
        case bool():
            return yes_no(value)
        case datetime():
            return when_exactly(value) if whole else when(value)
        case date():
            return format_html("{}", WORDS.get(value, value.isoformat()))
        case uuid.UUID():
            return (whole_id(value) if whole else short_id(value)) + copy_button(value)
        case str():
            return _text(field, value, whole)
        case list():
            return _list(field, value)
        case dict():
            return document(value, whole=whole)
        case int() | float() | Decimal():
            return _number(field, value)
    return text(str(value), whole=whole)


@cache
def _unit_of(name: str) -> Callable[[Any], str] | None:
    units = declared("units")
    return next((UNITS[unit] for ending, unit in units.items() if name.endswith(ending)), None)


def _unit(name: str, value: int | float | Decimal) -> Callable[[Any], str] | None:
    """The function for the numbers of a column; None for those that are not finite."""
    return _unit_of(name) if isinstance(value, int) or isfinite(value) else None


def _number(field: AnyField, value: int | float | Decimal) -> SafeString:
    unit = _unit(field.name, value)
    # As for times: a number needs no escaping.
    if unit is None:
        return SafeString(f"{value:,}")
    return SafeString(f'<span title="{value:,}">{unit(value)}</span>')


def _list(field: AnyField, values: list[Any]) -> SafeString:
    return format_html("{}", value_text(field.name, values)) if values else NOTHING


def _text(field: AnyField, value: str, whole: bool) -> SafeString:
    if isinstance(field, GenericIPAddressField):
        return address(value)
    if field.name == "email" and value:
        return mail(value if whole else shortened(value))
    return text(value, whole=whole) if value else NOTHING
