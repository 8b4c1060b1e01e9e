"""Empties `public` and `django` in one transaction, and changes nothing else.

Schema `public` itself stays, with its owner, grants, default privileges and comment, except the
version in the comment. Extensions stay too, because others may use them.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_all, fetch_value
from veza_core.db.other_sessions import (
    PREPARED_COLUMNS,
    PREPARED_OF_LOCK,
    SESSION_COLUMNS,
    OtherSession,
)
from veza_core.db.schema_version import write_version
from veza_core.db.timeouts import set_lock_timeout
from veza_core.operations.contents import OWN_SCHEMAS, contents_of
from veza_core.operations.dependents import Dependent

# A hash of every object of the database, except ours, PostgreSQL's own and temporary ones.
# pg_identify_object is slow. So where a catalog has the schema, our objects are left out before.
OUTSIDE = """
WITH others AS (
    SELECT pg_class.oid FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname <> ALL (%(schemas)s) AND nspname !~ '^pg_' AND nspname <> 'information_schema'
)
SELECT md5(coalesce(string_agg(row::text, ',' ORDER BY row::text), '')) FROM (
    SELECT identified.type, identified.identity
    FROM (
        SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, 0 AS objsubid FROM others
        UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum FROM pg_attribute
            WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (TABLE others)
        UNION ALL SELECT 'pg_attrdef'::regclass, oid, 0 FROM pg_attrdef
            WHERE adrelid IN (TABLE others)
        UNION ALL SELECT 'pg_constraint'::regclass, oid, 0 FROM pg_constraint
            WHERE conrelid = 0 OR conrelid IN (TABLE others)
        UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type
        UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc
        UNION ALL SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger
            WHERE NOT tgisinternal AND tgrelid IN (TABLE others)
        UNION ALL SELECT 'pg_policy'::regclass, oid, 0 FROM pg_policy
            WHERE polrelid IN (TABLE others)
        UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0 FROM pg_rewrite
            WHERE ev_class IN (TABLE others)
        UNION ALL SELECT 'pg_extension'::regclass, oid, 0 FROM pg_extension
        UNION ALL SELECT 'pg_operator'::regclass, oid, 0 FROM pg_operator
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0 FROM pg_statistic_ext
        UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0 FROM pg_event_trigger
    ) AS every
    CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS identified
    CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, objsubid) AS address
    CROSS JOIN LATERAL (
        SELECT coalesce(identified.schema, address.object_names[1]) AS schema
    ) AS home
    -- PostgreSQL's own objects have lower numbers (FirstNormalObjectId).
    WHERE objid >= 16384 AND home.schema <> ALL (%(schemas)s) AND home.schema !~ '^pg_'
        AND home.schema <> 'information_schema'
) AS row
"""

# Sessions and prepared transactions with locks on our objects, the longest first.
OTHER_SESSIONS = f"""
WITH held AS (
    SELECT DISTINCT pid, virtualtransaction FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relnamespace::regnamespace::text = ANY(%(schemas)s)
)
SELECT DISTINCT {SESSION_COLUMNS}
FROM held JOIN pg_stat_activity USING (pid) WHERE pid <> pg_backend_pid()
UNION ALL
SELECT {PREPARED_COLUMNS} FROM held {PREPARED_OF_LOCK}
ORDER BY age DESC
"""


class OutsideChangedError(Exception):
    """An object outside of `public` and `django` changed during the transaction."""


def sessions_in_the_way(connection: BaseDatabaseWrapper) -> list[OtherSession]:
    """The other sessions, and prepared transactions, that hold locks in `public` or `django`."""
    rows = fetch_all(connection, OTHER_SESSIONS, {"schemas": list(OWN_SCHEMAS)})
    return [OtherSession(*row) for row in rows]


def who_is_in_the_way(connection: BaseDatabaseWrapper) -> str:
    """These sessions, for a message."""
    return "; ".join(map(str, sessions_in_the_way(connection))) or "already disconnected"


def close_sessions(connection: BaseDatabaseWrapper, sessions: list[OtherSession]) -> None:
    """End the sessions, and wait until each has ended (at most 5 s).

    Prepared transactions stay, because somebody relies on committing them.
    """
    for session in sessions:
        if session.pid is not None:
            fetch_value(connection, "SELECT pg_terminate_backend(%s, 5000)", [session.pid])


def empty_schemas(
    connection: BaseDatabaseWrapper, dependents: list[Dependent], lock_timeout: float
) -> None:
    """Drop the dependents, then everything in `public` and `django`, completely or not at all.

    `lock_timeout` is in seconds. Raises `OutsideChangedError`, with nothing dropped, if another
    object outside would have been dropped too.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        set_lock_timeout(connection, lock_timeout, local=True)
        for dependent in dependents:
            if dependent.drop is not None:
                cursor.execute(dependent.drop)
        before = _outside(connection)
        # One statement for each object: Citus refuses a list with its own shards if a worker is
        # lost. An earlier CASCADE may have dropped an object already, which is fine in public.
        drops = [f"{each.drop_statement} CASCADE" for each in contents_of(connection, ["public"])]
        # In one round trip.
        cursor.execute(";\n".join([*drops, "DROP SCHEMA IF EXISTS django CASCADE"]))
        write_version(connection, None)
        if _outside(connection) != before:
            raise OutsideChangedError


def _outside(connection: BaseDatabaseWrapper) -> str:
    """A fingerprint of every definition outside of `public` and `django`."""
    return str(fetch_value(connection, OUTSIDE, {"schemas": list(OWN_SCHEMAS)}))
