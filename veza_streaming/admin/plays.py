"""A track's plays by day, as a chart."""

from datetime import UTC, datetime, time

from django.db import connections
from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.screens.charts import by_day, days_until
from veza_streaming.models import Track

#: Days of the chart.
DAYS = 30

#: At most this many plays are counted, the latest ones: counting all plays of a hit is too slow.
CHART_LIMIT = 20_000

_PLAYS = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, count(*)
    FROM (
        SELECT created_at FROM track_plays
        WHERE track_id = ANY (ARRAY[%s]) AND created_at >= %s
        ORDER BY track_id, created_at DESC LIMIT %s
    ) AS latest
    GROUP BY 1
"""


def plays_by_day(track: Track, alias: str) -> SafeString:
    """The chart of the last `DAYS` days, from at most the latest `CHART_LIMIT` plays."""
    days = days_until(timezone.now().astimezone(UTC).date(), DAYS)
    with connections[alias].cursor() as cursor:
        cursor.execute(_PLAYS, [track.pk, datetime.combine(days[0], time.min, UTC), CHART_LIMIT])
        found = dict(cursor.fetchall())
    note, first = "", days[0]
    if sum(found.values()) == CHART_LIMIT:
        # The limit may have left out plays of this day.
        first = min(found)
        del found[first]
        note = f"Only the latest {CHART_LIMIT:,} plays are counted."
    numbers = {day: found.get(day, None if note and day <= first else 0) for day in days}
    return by_day("plays", "Plays by day", numbers, note)
