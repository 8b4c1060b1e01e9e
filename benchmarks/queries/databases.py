"""Three databases with the same rows: V1, the lab schema, and stock Django's schema."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.queries import stock
from benchmarks.server import PYTHON, ROOT, Server

HERE = Path(__file__).parent
NAMES = {"v1": "bench_v1", "lab": "bench_lab", "stock": "bench_stock"}
#: The options of seed_demo for 100 users, in the proportions of its large scale.
SHARES = {
    "users": 100,
    "tracks": 500,
    "playlists": 50,
    "plays": 2000,
    "likes": 400,
    "comments": 100,
}
#: Users in each of the roles of teams.
USERS_OF_A_ROLE = 10
#: Spreads the plays over two years, with more on each later day: 2 % of all are in the last week.
SPREAD = """UPDATE kept_track_plays AS play
SET created_at = latest - interval '2 years' * (1 - sqrt(n / total::float8)),
    started_at = latest - interval '2 years' * (1 - sqrt(n / total::float8))
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS n, count(*) OVER () AS total,
             max(created_at) OVER () AS latest FROM kept_track_plays) AS every
WHERE every.id = play.id"""

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"
#: The columns of a table that can be written.
WRITTEN = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

#: Tables to which others refer, in the order of loading. map.ids has their old and new keys.
PARENTS = (
    "users", "roles", "permissions", "user_sessions", "tracks", "track_versions", "playlists",
    "track_comments",
)  # fmt: skip
#: The schema of the new tables, until it replaces `public` in the same database.
NEW = "other"


def migrate(server: Server, database: str) -> None:
    """Migrate an empty database to V1."""
    _manage(server, database, "migrate", "--no-audit")


def _manage(server: Server, database: str, *arguments: str) -> None:
    """Run manage.py on the database. If it fails, end the program: manage.py printed the reason."""
    done = subprocess.run(
        [PYTHON, ROOT / "manage.py", *arguments, "--verbosity", "0"],
        env=server.environment(database),
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


def add_rows(server: Server, database: str, users: int) -> None:
    """Fill V1 with this many users and their rows; the rows are the same each time."""
    counts = {name: str(max(share * users // 100, 10)) for name, share in SHARES.items()}
    options = [part for name, count in counts.items() for part in (f"--{name}", count)]
    _manage(server, database, "seed_demo", *options)
    with psycopg.connect(url(server, database), autocommit=True) as connection:
        script = (HERE / "teams.sql").read_text()
        connection.execute(script.format(roles=max(users // USERS_OF_A_ROLE, 1)))
        _put_in_order(connection)
        _manage(server, database, "count_weekly_plays")
        # The count moves rows to other pages. How many depends on the snapshots of other sessions,
        # also in other databases, because old row versions that they may need are not pruned.
        connection.execute("CLUSTER tracks USING idx_tracks_created_at")
        connection.execute("ALTER TABLE tracks SET WITHOUT CLUSTER")
        settle(connection)


def _put_in_order(connection: psycopg.Connection) -> None:
    """Insert all rows again in the order of their creation, as a platform does over the years.

    Then rows of the same time are together on disk, and the indexes are as full as inserts leave
    them. The other schemas are filled in the same way.
    """
    tables = [name for (name,) in connection.execute(TABLES, ["public"])]
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in tables:
            connection.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
        connection.execute(SPREAD)
        connection.execute(f"TRUNCATE {', '.join(tables)}")
        for table in tables:
            [(columns,)] = connection.execute(WRITTEN, [table]).fetchall()
            connection.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table} "
                "ORDER BY created_at, id"
            )
            connection.execute(f"DROP TABLE kept_{table}")


def add_heavy(
    connection: psycopg.Connection, plays: int, tracks: int, jobs: int, tokens: int
) -> None:
    """Add a user with this many plays and tracks, pending jobs, and expired tokens."""
    script = (HERE / "heavy.sql").read_text()
    connection.execute(script.format(plays=plays, tracks=tracks, jobs=jobs, tokens=tokens))


def settle(connection: psycopg.Connection) -> None:
    """Bring the tables into the state in which autovacuum leaves them in a database in use."""
    connection.execute("VACUUM (ANALYZE)")


def convert(server: Server, schema: str) -> dict[str, int]:
    """Create the database of `lab` or `stock` from V1's; return how many rows it cannot hold."""
    database = NAMES[schema]
    server.recreate(database, NAMES["v1"])
    with psycopg.connect(**server.parameters, dbname=database, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {NEW}")
        connection.execute(f"SET search_path = {NEW}")
        for statement in _ddl(server, schema):
            connection.execute(statement)
        lost = _load(connection)
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("DROP SCHEMA django CASCADE")
        connection.execute(f"ALTER SCHEMA {NEW} RENAME TO public")
        connection.execute("SET search_path = public")
        settle(connection)
    return lost


def _ddl(server: Server, schema: str) -> Iterable[str]:
    if schema == "lab":
        return [(HERE / "lab.sql").read_text()]
    return stock.ddl(stock.connect(server, NAMES[schema]))


def _load(connection: psycopg.Connection) -> dict[str, int]:
    # The rows come from a database that enforces every foreign key: do not check them again.
    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "CREATE SCHEMA map; CREATE TABLE map.ids (old uuid PRIMARY KEY, new bigint, name text)"
    )
    tables = _tables(connection)
    order = [*(t for t in PARENTS if t in tables), *(t for t in tables if t not in PARENTS)]
    for table in order:
        if table in PARENTS:
            connection.execute(
                "INSERT INTO map.ids"
                f" SELECT id, row_number() OVER (ORDER BY created_at, id), '{table}'"
                f" FROM public.{table}"
            )
    connection.execute("ANALYZE map.ids")
    lost = {table: missing for table in order if (missing := _copy(connection, table))}
    connection.execute("RESET session_replication_role")
    return lost


def _tables(connection: psycopg.Connection) -> list[str]:
    return [name for (name,) in connection.execute(TABLES, [NEW])]


def _copy(connection: psycopg.Connection, table: str) -> int:
    """Copy a table from V1, in the order of creation; return how many rows were left out.

    If a unique index is not partial, a deleted row and its successor cannot both exist.
    """
    references = dict(
        connection.execute(
            "SELECT attname, confrelid::regclass::text FROM pg_constraint JOIN pg_attribute"
            " ON attrelid = conrelid AND attnum = conkey[1]"
            " WHERE conrelid = %s::regclass AND contype = 'f'",
            [f"{NEW}.{table}"],
        ).fetchall()
    )
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [f"{NEW}.{table}"],
    ).fetchall()
    values, joins = {}, []
    for column, kind in columns:
        if column in references:
            joins.append(f"LEFT JOIN map.ids AS {column}_map ON {column}_map.old = t.{column}")
            values[column] = f"{column}_map.new"
        elif column == "id" and table in PARENTS:
            joins.append("JOIN map.ids AS id_map ON id_map.old = t.id")
            values[column] = "id_map.new"
        elif column != "id":
            values[column] = f"t.{column}::{kind}"
    live = "t.deleted_at IS NOT NULL, " if "deleted_at" in values else ""
    copied = connection.execute(
        f"INSERT INTO {NEW}.{table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM public.{table} AS t {' '.join(joins)} {_with_parents(references, columns)}"
        f" ORDER BY {live}t.created_at ON CONFLICT DO NOTHING"
    ).rowcount
    total = connection.execute(f"SELECT count(*) FROM public.{table}").fetchone()[0]
    if copied < total and table in PARENTS:
        connection.execute(
            f"DELETE FROM map.ids WHERE name = '{table}'"
            f" AND NOT EXISTS (SELECT FROM {NEW}.{table} WHERE id = new)"
        )
    connection.execute(
        "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [f"{NEW}.{table}", total + 1]
    )
    return total - copied


def _with_parents(references: dict[str, str], columns: list[tuple[str, str]]) -> str:
    """Return the WHERE clause that leaves out rows whose parent was left out."""
    conditions = [f"({name}_map.new IS NOT NULL OR t.{name} IS NULL)" for name in references]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def sizes(connection: psycopg.Connection) -> dict[str, int]:
    """Return the number of rows of each table, by PostgreSQL's statistics; -1 if unknown."""
    rows = connection.execute(
        "SELECT relname, reltuples::bigint FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
    )
    return dict(rows.fetchall())


def url(server: Server, database: str, settings: dict[str, Any] | None = None) -> str:
    """Return the connection string of the database, with settings for the session."""
    options = " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())
    return psycopg.conninfo.make_conninfo("", **server.parameters, dbname=database, options=options)


def truncate(connection: psycopg.Connection) -> None:
    """Delete all rows except the reference rows that the migrations insert."""
    connection.execute("TRUNCATE users CASCADE")
    connection.execute("DELETE FROM roles WHERE NOT is_system")
    connection.execute("DELETE FROM permissions WHERE resource LIKE 'team%'")
