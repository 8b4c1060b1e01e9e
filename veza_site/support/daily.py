"""Rows created in each day, stored when they are counted, so that no day is counted twice.

Each call continues where the last one ended, and reads a limited number of index entries. So a page
costs the same if a table has a thousand times as many rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, connections
from django.utils import timezone
from psycopg import sql

from veza_core.screens.charts import Days, days_until
from veza_site.models import CountedUntil, DailyCount

#: The number of days in a chart.
DAYS = 30

#: Index entries that one call reads for each table.
STEP = 10_000

#: A row has the time at which its transaction began, but becomes visible when the transaction ends.
MARGIN = timedelta(minutes=5)

#: A recent count is not continued.
PAUSE = timedelta(minutes=1)

#: The next step for one table: the time up to which it counts, and how many rows of each day are
#: before that. The next step counts the rows of the step's last time, because it sees all of them.
_COUNT = """
    WITH step AS MATERIALIZED (
        SELECT created_at FROM {table}
        WHERE created_at >= %s AND created_at < %s
        ORDER BY created_at LIMIT {limit}
    ), edge AS (
        SELECT CASE WHEN count(*) < {limit} THEN %s ELSE max(created_at) END AS edge FROM step
    )
    SELECT {name}, edge, (created_at AT TIME ZONE 'UTC')::date AS day, count(created_at)
    FROM edge LEFT JOIN step ON created_at < edge
    GROUP BY edge, day
"""
_COUNT_TIME = "SELECT count(*) FROM {table} WHERE created_at = %s"

#: Adds the numbers only for tables for which nobody else has continued from the same time.
_KEEP = """
    WITH moved AS (
        INSERT INTO django.veza_site_counteduntil AS kept ("table", until)
        SELECT name, reached
        FROM unnest(%s::text[], %s::timestamptz[]) AS step (name, reached)
        ON CONFLICT ("table") DO UPDATE SET until = EXCLUDED.until
            WHERE kept.until = (%s::jsonb ->> kept."table")::timestamptz
        RETURNING kept."table"
    )
    INSERT INTO django.veza_site_dailycount AS kept ("table", day, number)
    SELECT "table", day, number
    FROM unnest(%s::text[], %s::date[], %s::bigint[]) AS counted ("table", day, number)
    JOIN moved USING ("table")
    ON CONFLICT ("table", day) DO UPDATE SET number = kept.number + EXCLUDED.number
"""


def go_on(tables: Sequence[str], alias: str) -> dict[str, datetime]:
    """Count the next rows of tables that have an index on created_at.

    Returns the time before which the last `DAYS` days of each table are counted.
    """
    until = timezone.now() - MARGIN
    start = _midnight(days_until(until.astimezone(UTC).date(), DAYS)[0])
    states: Any = CountedUntil.objects.filter(table__in=tables).values_list("table", "until")
    stored = dict(states)
    since = {table: max(stored.get(table, start), start) for table in tables}
    behind = {table: time for table, time in since.items() if until - time >= PAUSE}
    if not behind:
        return since
    steps = _count(behind, until, alias)
    _keep({**since, **stored}, steps)
    return since | {table: step.reached for table, step in steps.items()}


@dataclass(slots=True)
class DayCounts:
    """How far a table was counted, and the rows of each day."""

    reached: datetime
    numbers: dict[date, int]


def _count(since: dict[str, datetime], until: datetime, alias: str) -> dict[str, DayCounts]:
    queries = [_query(_COUNT, table) for table in since]
    parameters = [
        value for time in since.values() for value in (time, max(time, until), max(time, until))
    ]
    steps: dict[str, DayCounts] = {}
    with connections[alias].cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(query)
                                                   for query in queries), parameters)  # fmt: skip
        for table, edge, day, number in cursor.fetchall():
            step = steps.setdefault(table, DayCounts(edge, {}))
            if day is not None:
                step.numbers[day] = number
        for table, step in steps.items():
            if step.reached == since[table] < until:
                # If a step cannot hold all rows of one time, they are counted anyway.
                cursor.execute(_query(_COUNT_TIME, table), [step.reached])
                (step.numbers[step.reached.astimezone(UTC).date()],) = cursor.fetchone()
                step.reached += timedelta(microseconds=1)
    return steps


def _keep(was: dict[str, datetime], steps: dict[str, DayCounts]) -> None:
    numbers = [
        (table, day, number)
        for table, step in steps.items()
        for day, number in step.numbers.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                list(steps),
                [step.reached for step in steps.values()],
                json.dumps({table: time.isoformat() for table, time in was.items()}),
                [table for table, _, _ in numbers],
                [day for _, day, _ in numbers],
                [number for _, _, number in numbers],
            ],
        )


def _query(text: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(table=sql.Identifier(table), name=table, limit=STEP)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def last_days(reached: dict[str, datetime]) -> dict[str, Days]:
    """The last `DAYS` days of each table; None for days that are not counted yet."""
    days = days_until(timezone.now().astimezone(UTC).date(), DAYS)
    rows: Any = DailyCount.objects.filter(table__in=reached, day__gte=days[0]).values_list(
        "table", "day", "number"
    )
    stored = {(table, day): number for table, day, number in rows}
    return {
        table: {
            day: stored.get((table, day), 0) if _midnight(day) <= until else None for day in days
        }
        for table, until in reached.items()
    }
