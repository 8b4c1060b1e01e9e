"""What the purge of an account would remove: the page's table, and when that would be."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.models import User
from veza_core.operations.personal_data import about_users
from veza_core.operations.purge import erasure
from veza_core.operations.purge.erasure import Effect, foresee_one
from veza_core.screens.columns import HtmlTable
from veza_core.screens.display import badge, exact
from veza_core.screens.keyset import Count

#: In the order in which they are shown, with their colours.
TONES = {
    Effect.FORBIDDING: "bad",
    Effect.DELETED: "bad",
    Effect.CLEARED: "busy",
    "kept": "quiet",
}


def erasure_context(user: User, alias: str) -> dict[str, Any]:
    """What the page shows. Reads over `alias`, in a few queries."""
    lines = [*_effects(user, alias), *_kept(user, alias)]
    order = [*TONES]
    lines.sort(key=lambda line: (order.index(line[1]), line[0]))
    return {
        "hint": format_html(
            "{} Counted up to {} for each table, by the foreign keys that the purge follows. “Set"
            " to NULL”: the row stays, and no longer says whose it was.",
            _when(user),
            f"{erasure.MOST:,}",
        ),
        "table": HtmlTable(
            ["Table", "What happens", "Rows", "Found by"],
            [
                (table, badge(what, tone=TONES[what]), _number(rows), column or "the account")
                for table, what, rows, column in lines
            ],
        ),
    }


#: A table, what happens, how many rows, by which column.
type Line = tuple[str, str, int | None, str]


def _effects(user: User, alias: str) -> Iterator[Line]:
    for effect in foresee_one(connections[alias], User._meta.db_table, user.pk):
        if effect.rows != 0:
            yield str(effect.table), effect.what, effect.rows, effect.column


def _kept(user: User, alias: str) -> Iterator[Line]:
    """Rows that name the account without a foreign key, which no purge follows."""
    models = {model._meta.db_table: model for model in apps.get_models()}
    for name, columns in about_users().items():
        found = Q()
        for column in columns:
            found |= Q(**{column: str(user.pk)})
        rows = models[name]._base_manager.using(alias).filter(found)
        if number := rows.values("pk")[: erasure.MOST + 1].count():
            yield f"django.{name}", "kept", number, ", ".join(sorted(columns))


def _number(rows: int | None) -> SafeString | str:
    return "not counted" if rows is None else str(Count.of(rows, erasure.MOST))


def _when(user: User) -> SafeString:
    """When a purge deletes the account, as it is and as the settings are."""
    days = settings.PURGE_AFTER_DAYS["deleted"]
    if days is None:
        return format_html("No purge deletes accounts: {} is not set.", "PURGE_DELETED_AFTER_DAYS")
    if user.deleted_at is None:
        return format_html(
            "Nothing, as long as the account is not deleted. A purge deletes it permanently {} days"
            " after that, with what is listed here.",
            days,
        )
    due = user.deleted_at + timedelta(days=days)
    word = "The next purge deletes" if due <= timezone.now() else "A purge after {} deletes"
    return format_html(word + " what is listed here, unless the account is restored.", exact(due))
