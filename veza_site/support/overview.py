"""What a shift begins with: the start page's pictures and lists, each from an index."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.urls import reverse
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.screens.charts import by_day
from veza_core.screens.columns import HtmlTable
from veza_core.screens.display import badge, exact
from veza_core.screens.keyset import COUNT_LIMIT, Count
from veza_core.screens.labels import attach
from veza_core.screens.reading import reading
from veza_core.screens.site import StaffSite
from veza_media.models import HlsTranscodeJob, TranscodeStatus
from veza_site.models import StaffLogEntry
from veza_site.replicas.source import primary_alias
from veza_site.support.daily import go_on, last_days
from veza_site.support.remembered import opening, told

#: Tables with a chart of what was made in each day, and what the chart is called.
CHARTS = {"users": "New users", "track_plays": "Plays", "tracks": "Uploads"}

#: One run of idx_hls_transcode_queue_status_created_at for each state, of a bounded length.
_QUEUE = """
    SELECT state::text, (
        SELECT count(*) FROM (
            SELECT 1 FROM hls_transcode_queue WHERE status = ANY (ARRAY[state])
            ORDER BY status, created_at DESC LIMIT %s
        ) AS counted
    )
    FROM unnest(enum_range(NULL::transcode_status)) AS state
"""

#: Rows of each list.
LATEST = 10


@dataclass(frozen=True, slots=True)
class QueueState:
    """Jobs of the transcode queue in one state."""

    badge: SafeString
    count: Count
    url: str


def overview(site: StaffSite, request: StaffRequest, alias: str) -> dict[str, Any]:
    """The start page's context: what the user may read of it."""
    context: dict[str, Any] = {
        "charts": _charts(request, alias),
        "staff_actions": _actions(request),
    }
    if request.access.may("hls_transcode_queue", "read"):
        context["queue"] = _queue(alias)
        context["failed_jobs"] = _failed(site, request, alias)
        context["failed_url"] = f"{_jobs()}?status=failed"
    return context


def _charts(request: StaffRequest, alias: str) -> list[SafeString]:
    may = request.access.may
    tables = [table for table in CHARTS if may(table, "read")]
    # What is counted is kept: a replica that is behind would miss rows for good.
    primary = primary_alias()
    with nullcontext() if alias == primary else reading(primary):
        reached = go_on(tables, primary)
    days = last_days(reached)
    return [
        by_day(f"chart-{table}", CHARTS[table], days[table], f"As of {exact(reached[table])}.")
        for table in tables
    ]


def _jobs() -> str:
    return reverse("admin:veza_media_hlstranscodejob_changelist")


def _queue(alias: str) -> list[QueueState]:
    """How many jobs are in each state, up to `COUNT_LIMIT`."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_QUEUE, [COUNT_LIMIT + 1])
        return [
            QueueState(badge(status), Count.of(number, COUNT_LIMIT), f"{_jobs()}?status={status}")
            for status, number in cursor.fetchall()
        ]


def _failed(site: StaffSite, request: StaffRequest, alias: str) -> HtmlTable:
    """The latest failed jobs."""
    screen: Any = site.get_model_admin(HlsTranscodeJob)
    columns = screen.panel_columns("track_version")
    rows = list(
        HlsTranscodeJob._base_manager.using(alias)
        .filter(status__any_of=TranscodeStatus.FAILED)
        .only(*screen.selected(columns))
        .order_by("status", "-created_at")[:LATEST]
    )
    attach(request, site, alias, rows)
    return HtmlTable.of(columns, rows)


def _actions(request: StaffRequest) -> HtmlTable:
    """The latest actions of all staff, each with the way to its entry."""
    return HtmlTable(
        ["When", "Who", "What", "On"],
        [
            (opening(entry), entry.staff_name, entry.action, entry.subject_label)
            for entry in told(request, StaffLogEntry.objects.all())[:LATEST]
        ],
    )
