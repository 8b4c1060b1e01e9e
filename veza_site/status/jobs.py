"""The questions about jobs: when each last succeeded, and what waits for it."""

import json

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.operations.jobs import BACKUP, PURGE, RECOUNT
from veza_core.operations.purge.catalog import read_catalog
from veza_core.operations.purge.policy import Due, read_policy
from veza_site.status.query import MOST_COUNTED, Answer, rows
from veza_streaming.weekly_plays import WEEKLY_PLAYS


def _job(connection: BaseDatabaseWrapper, job: str) -> Answer:
    found = rows(
        connection,
        """
        SELECT to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS finished_at,
            extract(epoch FROM clock_timestamp() - finished_at)::float8 AS age, seconds, details
        FROM django.veza_site_jobrun WHERE job = %s
        """,
        job,
    )
    if not found:
        return {"finished_at": None, "age": None}
    # Django makes psycopg return JSON as text.
    details = json.loads(found[0].pop("details"))
    return {**found[0], **details}


def backup(connection: BaseDatabaseWrapper) -> Answer:
    """The last backup_db that could record its success."""
    return _job(connection, BACKUP)


def weekly_plays(connection: BaseDatabaseWrapper) -> Answer:
    """The last count_weekly_plays."""
    return _job(connection, WEEKLY_PLAYS)


def purge(connection: BaseDatabaseWrapper) -> Answer:
    """The last purge of all tables."""
    return _job(connection, PURGE)


def recount(connection: BaseDatabaseWrapper) -> Answer:
    """The last recount of all counters. It has no schedule, so it is never late."""
    return _job(connection, RECOUNT)


def purge_due(connection: BaseDatabaseWrapper) -> Answer:
    """Rows that a purge would delete now, by table and column, at most `MOST_COUNTED` of each."""
    dues = read_policy(read_catalog(connection), settings.PURGE_AFTER_DAYS)
    # Separate statements would need a round trip each. Each branch is one index scan.
    statement = sql.SQL(" UNION ALL ").join(_count(due) for due in dues)
    found = rows(connection, statement) if dues else []
    return {row["name"]: row["number"] for row in found if row["number"]}


def _count(due: Due) -> sql.Composable:
    return sql.SQL(
        "SELECT {name} AS name, (SELECT count(*) FROM (SELECT 1 FROM {table} "
        "WHERE {column} < now() - make_interval(days => {days}) LIMIT {most}) AS due) AS number"
    ).format(
        name=sql.Literal(f"{due.table}.{due.column}"),
        table=due.table.identifier,
        column=sql.Identifier(due.column),
        days=sql.Literal(due.days),
        most=sql.Literal(MOST_COUNTED),
    )


def queue(connection: BaseDatabaseWrapper) -> Answer:
    """Transcode jobs by state, at most `MOST_COUNTED`, and the ages of the oldest open jobs."""
    found = rows(
        connection,
        """
        SELECT state::text, number,
            extract(epoch FROM clock_timestamp() - oldest)::float8 AS oldest
        FROM unnest(enum_range(NULL::public.transcode_status)) AS states (state),
        LATERAL (
            SELECT count(*) AS number FROM (
                SELECT FROM public.hls_transcode_queue WHERE status = state LIMIT %s
            ) AS counted
        ) AS counts,
        LATERAL (
            -- The index on the state ends in created_at: one entry of it.
            SELECT min(created_at) AS oldest FROM public.hls_transcode_queue
            WHERE status = state AND state IN ('pending', 'processing')
        ) AS ages
        """,
        MOST_COUNTED,
    )
    return {row["state"]: {"number": row["number"], "oldest": row["oldest"]} for row in found}
