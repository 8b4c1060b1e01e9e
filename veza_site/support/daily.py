"""Rows made in each day, kept as they are counted: no page ever counts a day twice.

Each call goes on where the last one ended, and reads a bounded number of index entries, so that a
page costs the same when a table holds a thousand times as many rows.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone
from psycopg import sql

from veza_core.admin.charts import Day, days_until
from veza_site.models import CountedUntil, DailyCount

#: Days that charts show.
DAYS = 30

#: Index entries that one call reads, of each table.
STEP = 100_000

#: A row's time is that of its transaction's begin, and it is seen when that ends.
MARGIN = timedelta(minutes=5)

_COUNT = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, count(*), max(created_at)
    FROM (
        SELECT created_at FROM {table}
        WHERE created_at >= %s AND created_at < %s
        ORDER BY created_at LIMIT %s
    ) AS counted
    GROUP BY 1 ORDER BY 1
"""
_COUNT_ALL = "SELECT count(*) FROM {table} WHERE created_at >= %s AND created_at < %s"


def count_on(table: str, alias: str) -> datetime:
    """Count the next rows of a table that has an index on created_at.

    Returns the time before which all of the last `DAYS` days are counted.
    """
    until = timezone.now() - MARGIN
    first = _midnight(days_until(until.astimezone(UTC).date(), DAYS)[0])
    state, _ = CountedUntil.objects.get_or_create(table=table, defaults={"until": first})
    since = max(state.until, first)
    if since >= until:
        return state.until
    found, reached = _count(table, alias, since, until)
    _keep(table, state.until, reached, found)
    return reached


def _count(
    table: str, alias: str, since: datetime, until: datetime
) -> tuple[dict[date, int], datetime]:
    """The numbers by day of the next `STEP` rows, and the time up to which they go."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_query(_COUNT, table), [since, until, STEP])
        rows = cursor.fetchall()
        found = {day: number for day, number, _ in rows}
        if sum(found.values()) < STEP:
            return found, until
        # The step may have ended between rows of one time: its last day is counted up to and with
        # all of them.
        day, _, last = rows[-1]
        after = last + timedelta(microseconds=1)
        cursor.execute(_query(_COUNT_ALL, table), [max(since, _midnight(day)), after])
        (found[day],) = cursor.fetchone()
    return found, after


def _query(text: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(table=sql.Identifier(table))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _keep(table: str, was: datetime, reached: datetime, found: dict[date, int]) -> None:
    """Add the numbers, unless somebody else has gone on from the same time meanwhile."""
    with transaction.atomic():
        if not CountedUntil.objects.filter(table=table, until=was).update(until=reached):
            return
        known = set(
            DailyCount.objects.filter(table=table, day__in=found).values_list("day", flat=True)
        )
        for day, number in found.items():
            if day in known:
                DailyCount.objects.filter(table=table, day=day).update(number=F("number") + number)
        DailyCount.objects.bulk_create(
            DailyCount(table=table, day=day, number=number)
            for day, number in found.items()
            if day not in known
        )


def last_days(tables: list[str], reached: dict[str, datetime]) -> dict[str, list[Day]]:
    """The last `DAYS` days of each table; None for days that no count has come to."""
    today = timezone.now().astimezone(UTC).date()
    days = days_until(today, DAYS)
    rows: Any = DailyCount.objects.filter(table__in=tables, day__gte=days[0])
    kept = {(row.table, row.day): row.number for row in rows}
    return {
        table: [
            Day(day, kept.get((table, day), 0) if _midnight(day) <= reached[table] else None)
            for day in days
        ]
        for table in tables
    }
