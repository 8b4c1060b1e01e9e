"""The start page: failed and waiting jobs, new accounts, and what colleagues did.

Each query reads a limited number of rows from an index.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.models import User
from veza_core.screens.bounded import IN_LIST, bounded
from veza_core.screens.charts import by_day
from veza_core.screens.columns import HtmlTable
from veza_core.screens.display import badge
from veza_core.screens.keyset import COUNT_LIMIT, Count
from veza_core.screens.labels import attach, list_of
from veza_core.screens.legible import name_html
from veza_core.screens.reading import reading
from veza_core.screens.site import StaffSite
from veza_core.screens.units import exact
from veza_media.models import HlsTranscodeJob
from veza_site.models import StaffLogEntry
from veza_site.replicas.source import primary_alias
from veza_site.support.daily import go_on, last_days
from veza_site.support.staff_actions import latest_actions, opening
from veza_site.support.wording import done

#: Tables with a chart of new rows by day, and the titles of the charts.
CHARTS = {"users": "New users", "track_plays": "Plays", "tracks": "Uploads"}

#: Shown instead of the charts.
NOT_COUNTED = SafeString(
    "<p>New users, plays and uploads are not counted: a database server does not answer.</p>"
)

#: Rows of each list.
ROWS_PER_LIST = 8

#: A job is stuck if its worker has given no sign of life for this long.
STUCK = timedelta(hours=1)

#: How long an account counts as new.
NEW = timedelta(days=7)

#: The most new accounts that are examined, the latest first, because it reads the table for each.
NEWEST_ACCOUNTS = 1_000

#: The most jobs in processing that are examined, the oldest first. More would need the table, not
#: only the index.
OLDEST_JOBS = 1_000

#: For each state, a limited range of idx_hls_transcode_queue_status_created_at: how many jobs it
#: has, and how many of the oldest in processing began long ago.
_QUEUE = """
    SELECT state::text, (
        SELECT count(*) FROM (
            SELECT FROM hls_transcode_queue
            WHERE status = ANY (ARRAY[state]) ORDER BY status, created_at DESC LIMIT %s
        ) AS run
    ), (
        SELECT count(*) FILTER (WHERE started_at < %s) FROM (
            SELECT started_at FROM hls_transcode_queue
            WHERE state = 'processing' AND status = ANY (ARRAY[state])
            ORDER BY status DESC, created_at LIMIT %s
        ) AS run
    )
    FROM unnest(enum_range(NULL::transcode_status)) AS state
"""

#: From the end of idx_users_created_at.
_UNVERIFIED = """
    SELECT count(*) FILTER (WHERE NOT is_verified AND deleted_at IS NULL), count(*) FROM (
        SELECT is_verified, deleted_at FROM users WHERE created_at >= %s
        ORDER BY created_at DESC LIMIT %s
    ) AS latest
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with a link to the list that it counts."""

    title: str
    count: Count
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """The transcode jobs in one state, and how many of them began long ago."""

    badge: SafeString
    count: Count
    late: Count
    url: str


def overview(site: StaffSite, request: StaffRequest, *, counts: bool = True) -> dict[str, Any]:
    """The context of the start page, as far as the user may read it; `counts`: with the charts."""
    alias = site.read_alias
    context: dict[str, Any] = {
        "title": "Start",
        "tiles": [],
        "charts": _charts(request, alias) if counts else [NOT_COUNTED],
        "staff_actions": _actions(site, request),
        "staff_log_url": f"{list_of(StaffLogEntry)}?kind=action",
    }
    if request.access.may("hls_transcode_queue", "read"):
        states, failed_url = _queue(alias), list_of(HlsTranscodeJob, failed="latest")
        context["queue"] = list(states.values())
        context["tiles"] += [
            Tile("Failed jobs", states["failed"].count, "of the transcode queue",
                 failed_url),
            Tile("Stuck in processing", states["processing"].late, "begun more than an hour ago",
                 list_of(HlsTranscodeJob, status="processing", order="reversed")),
            Tile("Waiting", states["pending"].count, "for a worker",
                 list_of(HlsTranscodeJob, status="pending")),
        ]  # fmt: skip
        failed = HlsTranscodeJob._base_manager.using(alias).filter(status="failed")
        context["failed_jobs"] = _table(
            "failed", site, request, failed.order_by("-completed_at", "-id"),
            ("id", "track", "error_message", "tries", "completed_at"),
        )  # fmt: skip
        context["failed_url"] = failed_url
    if request.access.may("users", "read"):
        context["tiles"].append(_unverified(alias))
        context["new_users"] = _table(
            "new", site, request, User._base_manager.using(alias).order_by("-created_at", "-id"),
            ("username", "email", "state", "created_at"),
        )  # fmt: skip
        context["users_url"] = list_of(User)
    return context


def _charts(request: StaffRequest, alias: str) -> list[SafeString]:
    may = request.access.may
    tables = [table for table in CHARTS if may(table, "read")]
    # Counts are stored. A replica that is behind would miss rows for ever.
    primary = primary_alias()
    with nullcontext() if alias == primary else reading(primary):
        reached = go_on(tables, primary)
    days = last_days(reached)
    return [
        by_day(f"chart-{table}", CHARTS[table], days[table], f"As of {exact(reached[table])}.")
        for table in tables
    ]


def _queue(alias: str) -> dict[str, QueueState]:
    """The jobs in each state, up to `COUNT_LIMIT`."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_QUEUE, [COUNT_LIMIT + 1, timezone.now() - STUCK, OLDEST_JOBS])
        return {
            status: QueueState(
                badge(status),
                Count.of(number, COUNT_LIMIT),
                Count(late, capped=number > OLDEST_JOBS),
                list_of(HlsTranscodeJob, status=status),
            )
            for status, number, late in cursor.fetchall()
        }


def _unverified(alias: str) -> Tile:
    with connections[alias].cursor() as cursor:
        cursor.execute(_UNVERIFIED, [timezone.now() - NEW, NEWEST_ACCOUNTS + 1])
        number, among = cursor.fetchone()
    return Tile(
        "New and unverified",
        Count(number, capped=among > NEWEST_ACCOUNTS),
        f"of the last {NEW.days} days",
        list_of(User, is_verified="no", deleted="no", range=f"{NEW.days}d"),
    )


def _table(
    heading: str, site: StaffSite, request: StaffRequest, rows: QuerySet[Any], names: Sequence[str]
) -> SafeString:
    """A table with the first of these rows, for the heading with this ID."""
    screen: Any = site.screen_of(rows.model)
    columns = screen.columns_of(names)
    shown = list(bounded(rows, screen.selected(columns), IN_LIST)[:ROWS_PER_LIST])
    attach(request, site, shown)
    return HtmlTable.of(columns, shown).html(heading)


def _actions(site: StaffSite, request: StaffRequest) -> list[tuple[Any, ...]]:
    """The latest actions of all staff: who, what, on what, and when, with links to the entries."""
    return [
        (
            name_html(entry.staff_name),
            done(site, entry.action),
            _on(entry, others),
            opening(entry),
        )
        for entry, others in latest_actions(request)
    ]


def _on(entry: StaffLogEntry, others: int) -> SafeString:
    """What an action was done to: a row, and how many others."""
    more = f" and {others:,} more" if others else ""
    return format_html("{}{}", name_html(entry.subject_label) if entry.subject_label else "", more)
