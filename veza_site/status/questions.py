"""The questions. Each reads the catalog or an index; none reads a large table.

Each takes a connection and returns values for JSON. Times are in seconds, sizes in bytes.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from threading import Thread

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from veza_core.db.distribution import INSTALLED
from veza_core.operations.deploy.summary import read_summary
from veza_core.schema.v1 import LAST_OF_V1
from veza_site.append_only import NO_TABLE, changes
from veza_site.replicas.lag import read_primary
from veza_site.replicas.replica import replicas
from veza_site.status.deadline import left
from veza_site.status.jobs import backup, purge, purge_due, queue, recount, weekly_plays
from veza_site.status.query import Answer, NotAllowedError, rows


def server(connection: BaseDatabaseWrapper) -> Answer:
    """The server, database and role, as the server reports them."""
    [answer] = rows(
        connection,
        """
        SELECT current_setting('server_version') AS version,
            coalesce(host(inet_server_addr()), 'a Unix socket') AS address,
            coalesce(inet_server_port(), current_setting('port')::integer) AS port,
            current_database()::text AS database, current_user::text AS role,
            pg_is_in_recovery() AS in_recovery, pg_database_size(current_database()) AS bytes,
            extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS uptime
        """,
    )
    # As the client was configured: a host name, or the directory of a socket.
    return {"host": connection.connection.info.host, **answer}


def clock(connection: BaseDatabaseWrapper) -> Answer:
    """How many seconds this machine's clock is ahead of the server's; negative: behind it."""
    before = time.time()
    [answer] = rows(connection, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
    # The server answered at some time between these two, so no difference within them is known.
    earliest, latest = before - answer["now"], time.time() - answer["now"]
    return {"seconds_ahead": max(earliest, min(0.0, latest))}


def schema(connection: BaseDatabaseWrapper) -> Answer:
    """The version of `public`, and how many objects of each kind it has."""
    counts = asdict(read_summary(connection))
    del counts["server_version"]
    return counts


def history(connection: BaseDatabaseWrapper) -> Answer:
    """Which migrations of this release are applied, and which others are."""
    on_disk = set(MigrationLoader(None).disk_migrations)
    [table] = rows(
        connection, "SELECT to_regclass('django.django_migrations') IS NOT NULL AS is_there"
    )
    applied = set()
    if table["is_there"]:
        found = rows(connection, "SELECT app, name FROM django.django_migrations")
        applied = {(row["app"], row["name"]) for row in found}
    own = {app for app, _ in on_disk}
    return {
        "applied": len(applied & on_disk),
        "pending": _names(on_disk - applied),
        "unknown": _names({key for key in applied - on_disk if key[0] in own}),
        "v1_complete": LAST_OF_V1 in applied,
    }


def _names(keys: set[tuple[str, str]]) -> list[str]:
    return [f"{app}.{name}" for app, name in sorted(keys)]


def invalid_indexes(connection: BaseDatabaseWrapper) -> Answer:
    """Invalid indexes that a CREATE INDEX CONCURRENTLY left, without those that are being built."""
    found = rows(
        connection,
        """
        SELECT indexrelid::regclass::text AS name FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname IN ('public', 'django') AND NOT (indisvalid AND indisready AND indislive)
            AND NOT EXISTS (
                -- Empty for another role's build, unless the role may see it.
                SELECT FROM pg_stat_progress_create_index
                WHERE index_relid = indexrelid AND datname = current_database()
            )
        ORDER BY 1
        """,
    )
    return {"names": [row["name"] for row in found]}


def transaction_ids(connection: BaseDatabaseWrapper) -> Answer:
    """The age of the oldest transaction ids in any database, and the age at which autovacuum
    freezes.
    """
    [answer] = rows(
        connection,
        """
        SELECT max(age(datfrozenxid))::bigint AS age,
            max(mxid_age(datminmxid))::bigint AS multixact_age,
            current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
            current_setting('autovacuum_multixact_freeze_max_age')::bigint
                AS multixact_freeze_max_age
        FROM pg_database
        """,
    )
    return answer


def replication(connection: BaseDatabaseWrapper) -> Answer:
    """Replicas and their lag, and the WAL that slots keep. On a replica: how far behind it is."""
    _needs_statistics(connection)
    current = """CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
        ELSE pg_current_wal_lsn() END"""
    replicas = rows(
        connection,
        f"""
        SELECT application_name, client_addr::text AS address, state,
            pg_wal_lsn_diff({current}, replay_lsn)::bigint AS bytes_behind,
            coalesce(extract(epoch FROM replay_lag), 0)::float8 AS seconds_behind
        FROM pg_stat_replication ORDER BY 1, 2
        """,
    )
    slots = rows(
        connection,
        f"""
        SELECT slot_name::text AS name, active, wal_status,
            pg_wal_lsn_diff({current}, restart_lsn)::bigint AS bytes_kept
        FROM pg_replication_slots ORDER BY 1
        """,
    )
    [own] = rows(
        connection,
        """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
            END::float8 AS seconds_behind
        """,
    )
    return {"replicas": replicas, "slots": slots, "seconds_behind": own["seconds_behind"]}


def admin_replicas(connection: BaseDatabaseWrapper) -> Answer:
    """The replicas that the admin reads from: why one is not used, and how far behind it is."""
    if not settings.REPLICAS or (primary := read_primary(connection)) is None:
        return {}
    # All at the same time. One that does not answer takes a second, in a separate thread.
    looks = [
        (each, Thread(target=each.look_alone, args=(primary,), daemon=True)) for each in replicas()
    ]
    for _, look in looks:
        look.start()
    answer = {}
    for each, look in looks:
        look.join(left())
        in_time = not look.is_alive()
        answer[each.alias] = {
            "left_because": each.why if in_time else "no answer in time",
            "seconds_behind": each.behind if in_time else None,
        }
    return answer


def nodes(connection: BaseDatabaseWrapper) -> Answer:
    """The workers of Citus, each with the reason why it cannot be used; empty without Citus."""
    if not rows(connection, INSTALLED):
        return {}
    # If packets are lost, nobody refuses the connection. So this gets only a part of the time.
    rows(
        connection,
        """
        SELECT set_config('citus.node_connection_timeout', (setting::int * 3 / 5)::text, true)
        FROM pg_settings WHERE name = 'statement_timeout' AND setting::int > 20
        """,
    )
    # Over new connections, to all at the same time. A disabled worker is left out.
    found = rows(
        connection,
        """
        SELECT nodename || ':' || nodeport AS node, CASE WHEN NOT isactive THEN 'it is disabled'
            WHEN success IS NOT TRUE THEN coalesce(result, 'no answer') END AS problem
        FROM pg_dist_node LEFT JOIN run_command_on_workers('SELECT 1') AS asked
            USING (nodename, nodeport)
        WHERE groupid <> 0 AND noderole = 'primary' ORDER BY 1
        """,
    )
    return {row["node"]: row["problem"] for row in found}


def transactions(connection: BaseDatabaseWrapper) -> Answer:
    """The oldest transaction of another session in this database, and the oldest prepared one."""
    _needs_statistics(connection)
    oldest = rows(
        connection,
        """
        SELECT pid, usename::text AS role, application_name, state,
            extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age
        FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start IS NOT NULL
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        ORDER BY xact_start LIMIT 1
        """,
    )
    [prepared] = rows(
        connection,
        """
        SELECT count(*) AS number,
            extract(epoch FROM clock_timestamp() - min(prepared))::float8 AS oldest
        FROM pg_prepared_xacts WHERE database = current_database()
        """,
    )
    return {"oldest": oldest[0] if oldest else None, "prepared": prepared}


def connections(connection: BaseDatabaseWrapper) -> Answer:
    """How many sessions the server has, and how many an ordinary role can have."""
    [answer] = rows(
        connection,
        """
        SELECT (SELECT sum(numbackends) FROM pg_stat_database)::bigint AS used,
            current_setting('max_connections')::bigint
                - current_setting('superuser_reserved_connections')::bigint
                - coalesce(current_setting('reserved_connections', true), '0')::bigint AS most
        """,
    )
    return answer


def planner(connection: BaseDatabaseWrapper) -> Answer:
    """`random_page_cost`, and where it was set: `default` is PostgreSQL's own value."""
    [answer] = rows(
        connection,
        "SELECT setting::float8 AS random_page_cost, source FROM pg_settings "
        "WHERE name = 'random_page_cost'",
    )
    return answer


def staff_log(connection: BaseDatabaseWrapper) -> Answer:
    """Whether the staff log and the notes are still append-only, and the log's latest entry."""
    found = changes(connection)
    latest = "SELECT max(id) AS latest FROM django.veza_site_stafflogentry"
    [answer] = rows(connection, "SELECT NULL AS latest" if NO_TABLE in found else latest)
    return {**answer, "changes": found}


def _needs_statistics(connection: BaseDatabaseWrapper) -> None:
    [answer] = rows(
        connection, "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may"
    )
    if not answer["may"]:
        raise NotAllowedError("the role sees only its own sessions: GRANT pg_monitor to it")


#: The most important questions first: the others get the time that is left.
QUESTIONS: dict[str, Callable[[BaseDatabaseWrapper], Answer]] = {
    question.__name__: question
    for question in (
        server, history, clock, schema, backup, purge, weekly_plays, connections, transactions,
        transaction_ids, replication, nodes, invalid_indexes, planner, queue, staff_log, recount,
        purge_due, admin_replicas,
    )
}  # fmt: skip
