"""What a purge of the account would remove, and when: the table of the page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Model, Q, Value
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.db.infinity import later
from veza_core.models import User
from veza_core.operations.personal_data import columns_about
from veza_core.operations.purge import erasure
from veza_core.operations.purge.erasure import ErasedRows, foresee_one
from veza_core.screens.columns import HtmlTable, heading
from veza_core.screens.display import badge, words
from veza_core.screens.keyset import Count
from veza_core.screens.labels import model_of
from veza_core.screens.units import exact

#: Rows that name the account without a foreign key. Its purge does not follow them.
KEPT_ROWS = "kept"
#: In the order of the page: what happens, its label and its colour.
LABELS = {
    ErasedRows.FORBIDDING: ("Forbids it", "bad"),
    ErasedRows.DELETED: ("Deleted", "bad"),
    ErasedRows.CLEARED: ("Reference removed", "busy"),
    KEPT_ROWS: ("Kept", "quiet"),
}

#: A table, what happens, how many rows, by which columns.
type Line = tuple[str, str, str, Sequence[str]]


def erasure_context(user: User, alias: str) -> dict[str, Any]:
    """The context of the page. It reads over `alias`, in a few queries."""
    lines = [*_effects(user, alias), *_kept(user, alias)]
    order = [*LABELS]
    lines.sort(key=lambda line: (order.index(line[1]), line[0]))
    return {
        "hint": format_html(
            "{} This page follows the foreign keys, as the purge does. It counts at most {} rows of"
            " a table, and follows the references to at most {} of them: “7+” means that there may"
            " be more. “Reference removed” means that the row stays, but no longer refers to the"
            " user.",
            _when(user),
            f"{erasure.MAX_COUNTED:,}",
            f"{erasure.FOLLOWED:,}",
        ),
        "heading": "Table by table",
        "table": HtmlTable(
            ["Rows of", "What happens", "How many", "Found by"],
            [
                (
                    _table_name(table),
                    badge(what, *LABELS[what]),
                    number,
                    _column_names(model_of(table), columns) or "the account itself",
                )
                for table, what, number, columns in lines
            ],
        ).html("panel-about"),
    }


def _table_name(table: str) -> str:
    """The table's name in the menu. A table without a model keeps its own name."""
    model = model_of(table)
    return words(str(model._meta.verbose_name_plural)) if model else table


def _column_names(model: type[Model] | None, columns: Sequence[str]) -> str:
    fields = {field.column: field for field in model._meta.concrete_fields} if model else {}
    known = (heading(fields[name]) if name in fields else name for name in columns)
    return ", ".join(sorted(known))


def _effects(user: User, alias: str) -> Iterator[Line]:
    for effect in foresee_one(connections[alias], User._meta.db_table, user.pk):
        if effect.rows != 0 or effect.is_least:
            yield str(effect.table), effect.what, _number(effect), effect.columns


def _kept(user: User, alias: str) -> Iterator[Line]:
    """Rows that name the account without a foreign key, which no purge follows: one query."""
    by_row = columns_about("about_rows")
    columns = {name: [*by_row.get(name, ()), *by_user]
               for name, by_user in columns_about("about_users").items()}  # fmt: skip
    rows = []
    for name, own in columns.items():
        found = Q()
        for column in own:
            found |= Q(**{column: str(user.pk)})
        model: Any = model_of(name)
        of_table = model._base_manager.using(alias).filter(found).order_by()
        rows.append(of_table.values_list(Value(name))[: erasure.MAX_COUNTED + 1])
    if not rows:
        return
    first, *others = rows
    numbers = Counter(name for (name,) in first.union(*others, all=True))
    for name, own in columns.items():
        if number := numbers[name]:
            yield name, KEPT_ROWS, str(Count.of(number, erasure.MAX_COUNTED)), own


def _number(effect: ErasedRows) -> str:
    if effect.rows is None:
        return "not counted"
    if effect.is_most:
        return f"about {effect.rows:,}" if effect.is_least else f"{effect.rows:,} or fewer"
    return str(Count(effect.rows, effect.is_least))


def _when(user: User) -> SafeString:
    """When a purge deletes the account, with the current row and settings."""
    days = settings.PURGE_AFTER_DAYS["deleted"]
    if days is None:
        return format_html("No purge deletes accounts: {} is not set.", "PURGE_DELETED_AFTER_DAYS")
    if user.deleted_at is None:
        return format_html(
            "Nothing, while the account is not deleted. {} days after its deletion, a purge deletes"
            " it permanently, with what is listed here.",
            days,
        )
    due = later(user.deleted_at, timedelta(days=days))
    word = "The next purge deletes" if due <= timezone.now() else "A purge after {} deletes"
    return format_html(word + " what is listed here, unless the account is restored.", exact(due))
