"""Rows made in each day, kept as they are counted: no page ever counts a day twice.

Each call goes on where the last one ended, and reads a bounded number of index entries, so that a
page costs the same when a table holds a thousand times as many rows.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, connections, transaction
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

#: What was counted so lately is not gone on with.
PAUSE = timedelta(minutes=1)

#: Of `pg_try_advisory_xact_lock`: one at a time counts on.
LOCK = 0x7665_7A61

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

_KEEP_NUMBERS = """
    INSERT INTO django.veza_site_dailycount AS kept ("table", day, number)
    SELECT * FROM unnest(%s::text[], %s::date[], %s::bigint[])
    ON CONFLICT ("table", day) DO UPDATE SET number = kept.number + EXCLUDED.number
"""
_KEEP_TIMES = """
    INSERT INTO django.veza_site_counteduntil ("table", until)
    SELECT * FROM unnest(%s::text[], %s::timestamptz[])
    ON CONFLICT ("table") DO UPDATE SET until = EXCLUDED.until
"""


def go_on(tables: Sequence[str], alias: str) -> dict[str, datetime]:
    """Count the next rows of tables that have an index on created_at.

    Returns the time before which the last `DAYS` days of each table are counted. While somebody
    else counts, that is what they have come to.
    """
    until = timezone.now() - MARGIN
    start = _midnight(days_until(until.astimezone(UTC).date(), DAYS)[0])
    reached = _reached(tables, start)
    if all(until - time < PAUSE for time in reached.values()):
        return reached
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() == (False,):
            return reached
        # Read again: another one may have counted on before the lock was ours.
        reached = _reached(tables, start)
        numbers: list[tuple[str, date, int]] = []
        for table, since in reached.items():
            found, reached[table] = _count(table, alias, since, until)
            numbers += [(table, day, number) for day, number in found.items()]
        cursor.execute(
            _KEEP_NUMBERS, [list(column) for column in zip(*numbers, strict=True)] or [[], [], []]
        )
        cursor.execute(_KEEP_TIMES, [list(reached), list(reached.values())])
    return reached


def _reached(tables: Sequence[str], start: datetime) -> dict[str, datetime]:
    kept = CountedUntil.objects.in_bulk(tables)
    return {table: max(kept[table].until, start) if table in kept else start for table in tables}


def _count(
    table: str, alias: str, since: datetime, until: datetime
) -> tuple[dict[date, int], datetime]:
    """The numbers by day of the next `STEP` rows, and the time up to which they go."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_query(_COUNT, table), [since, until, STEP])
        rows = cursor.fetchall()
        found = {day: number for day, number, _ in rows}
        if sum(found.values()) < STEP:
            return found, max(since, until)
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


def last_days(reached: dict[str, datetime]) -> dict[str, list[Day]]:
    """The last `DAYS` days of each table; None for days that no count has come to."""
    days = days_until(timezone.now().astimezone(UTC).date(), DAYS)
    rows: Any = DailyCount.objects.filter(table__in=reached, day__gte=days[0])
    kept = {(row.table, row.day): row.number for row in rows}
    return {
        table: [
            Day(day, kept.get((table, day), 0) if _midnight(day) <= until else None) for day in days
        ]
        for table, until in reached.items()
    }
