"""Emptying `public` and `django`, in one transaction, and nothing beside them.

Schema `public` itself stays, and with it its owner, grants and default privileges; so do
extensions, which others may use.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.timeouts import set_lock_timeout
from veza_core.deploy.dependents import OWN_SCHEMAS, STAYING, Dependent

# What is directly in public, but for extensions and what they own.
CONTENTS = """
SELECT identified.type, identified.identity
FROM pg_depend CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS identified
WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('public')
    AND classid <> ALL (%s::regclass[])
    AND NOT EXISTS (
        SELECT FROM pg_depend AS owned WHERE owned.classid = pg_depend.classid
            AND owned.objid = pg_depend.objid AND owned.deptype IN ('e', 'i')
    )
"""

# Every object of the database but for ours, PostgreSQL's own, and temporary ones.
OUTSIDE = """
SELECT md5(coalesce(string_agg(row::text, ',' ORDER BY row::text), '')) FROM (
    SELECT identified.type, identified.identity
    FROM (
        SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, 0 AS objsubid FROM pg_class
        UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum FROM pg_attribute
            WHERE attnum > 0 AND NOT attisdropped
        UNION ALL SELECT 'pg_attrdef'::regclass, oid, 0 FROM pg_attrdef
        UNION ALL SELECT 'pg_constraint'::regclass, oid, 0 FROM pg_constraint
        UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type
        UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc
        UNION ALL SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'pg_policy'::regclass, oid, 0 FROM pg_policy
        UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0 FROM pg_rewrite
        UNION ALL SELECT 'pg_extension'::regclass, oid, 0 FROM pg_extension
    ) AS every
    CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS identified
    CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, objsubid) AS address
    CROSS JOIN LATERAL (
        SELECT coalesce(identified.schema, address.object_names[1]) AS schema
    ) AS home
    -- PostgreSQL's own objects have lower numbers (FirstNormalObjectId).
    WHERE objid >= 16384 AND home.schema <> ALL (%s) AND home.schema !~ '^pg_'
        AND home.schema <> 'information_schema'
) AS row
"""

# Sessions that hold a lock on something of ours, the longest transaction first.
IN_THE_WAY = """
SELECT DISTINCT pid, application_name, usename::text, state,
    statement_timestamp() - coalesce(xact_start, backend_start) AS age
FROM pg_locks
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = ANY(%s)
JOIN pg_stat_activity USING (pid)
WHERE pid <> pg_backend_pid() AND datname = current_database()
ORDER BY age DESC
"""


class OutsideChangedError(Exception):
    """Something outside of `public` and `django` changed within the transaction."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session in the way, as pg_stat_activity knows it."""

    pid: int
    application: str | None
    user: str | None
    state: str | None
    age: timedelta | None

    def __str__(self) -> str:
        age = f"{self.age.total_seconds():.0f} s" if self.age else "unknown"
        return f"{self.application or 'unnamed'} (pid {self.pid}, {self.user}, {self.state}), {age}"


def sessions_in_the_way(connection: BaseDatabaseWrapper) -> list[Session]:
    """The other sessions that hold locks on tables of `public` or `django`."""
    with connection.cursor() as cursor:
        cursor.execute(IN_THE_WAY, [list(OWN_SCHEMAS)])
        return [Session(*row) for row in cursor.fetchall()]


def close_sessions(connection: BaseDatabaseWrapper, sessions: list[Session]) -> None:
    """End the sessions, and wait for each to be gone (5 s at most)."""
    with connection.cursor() as cursor:
        for session in sessions:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session.pid])


def empty_schemas(
    connection: BaseDatabaseWrapper, dependents: list[Dependent], lock_timeout: float
) -> None:
    """Drop the dependents, then all that is in `public` and `django`; all of it or nothing.

    `lock_timeout` is in seconds. Raises `OutsideChangedError`, with nothing dropped, when
    something else outside would have gone too.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        set_lock_timeout(connection, lock_timeout, local=True)
        for dependent in dependents:
            if dependent.drop is not None:
                cursor.execute(dependent.drop)
        before = _outside(connection)
        cursor.execute(CONTENTS, [list(STAYING)])
        for kind, identity in cursor.fetchall():
            # The one before may have taken it along: within public that is meant.
            word = kind.upper().removesuffix(" OBJECT")  # what DROP calls a statistics object
            statement = sql.SQL(f"DROP {word} IF EXISTS {{}} CASCADE")
            cursor.execute(statement.format(sql.SQL(identity)))
        cursor.execute("DROP SCHEMA IF EXISTS django CASCADE")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS public")
        if _outside(connection) != before:
            raise OutsideChangedError


def _outside(connection: BaseDatabaseWrapper) -> str:
    """A fingerprint of every definition outside of `public` and `django`."""
    with connection.cursor() as cursor:
        cursor.execute(OUTSIDE, [list(OWN_SCHEMAS)])
        return str(cursor.fetchone()[0])
