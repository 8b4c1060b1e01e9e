"""The cost of the Standard: random keys, the trigger, each index of track_plays, bytes of a row.

Also what updates write, how much a worker reads for a job, and the cost of support's indexes and of
the checks between rows (`updates`, `jobs`, `accounts`, `agreement`).

Run it with `make bench-price`. Each round runs all cases in turn, on tables that have rows already.
Inserts are batches of 1,000, and COMMIT does not wait for the disk.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.queries import (
    accounts,
    agreement,
    databases,
    jobs,
    report,
    setting,
    tables,
    updates,
)

DATABASE = "bench_price"
BATCH = 1_000

#: By the case's name: the type of the key, and its default.
KEYS = {
    "bigint": ("bigint", "GENERATED ALWAYS AS IDENTITY"),
    "UUID, random (version 4)": ("uuid", "DEFAULT gen_random_uuid()"),
    "UUID, by time (version 7)": ("uuid", "DEFAULT uuidv7()"),
}
#: The first PostgreSQL version with uuidv7(), as a number.
VERSION_7 = 180_000

#: Rows as wide as a play of V1 without its references.
PLAIN = """CREATE TABLE {table} (id {type} PRIMARY KEY {default},
    duration_ms integer NOT NULL DEFAULT 0, source varchar(50), device varchar(50),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP)"""
FILL = """INSERT INTO {table} (duration_ms, source, device)
SELECT 180000, 'playlist', 'phone' FROM generate_series(1, {rows})"""

#: Plays of 1,000 tracks by 1,000 users, chosen again each time.
PLAY = """WITH t AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM tracks LIMIT 1000) s),
     u AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM users LIMIT 1000) s)
INSERT INTO {table} (track_id, user_id, duration_ms, source, device, created_at)
SELECT t.ids[1 + (random() * (array_length(t.ids, 1) - 1))::int],
       u.ids[1 + (random() * (array_length(u.ids, 1) - 1))::int], 180000, 'playlist', 'phone',
       clock_timestamp()
FROM t, u, generate_series(1, {rows})"""


@dataclass
class Case:
    """`run` is measured, `prepare` and `undo` are not. Times are in seconds."""

    name: str
    run: Callable[[], None]
    prepare: Callable[[], None] = lambda: None
    undo: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)


def take_turns(cases: Sequence[Case], rounds: int) -> None:
    """Run each case once without measuring, then this many times in turn."""
    for number in range(rounds + 1):
        for case in cases:
            case.prepare()
            started = time.perf_counter()
            case.run()
            if number:
                case.seconds.append(time.perf_counter() - started)
            case.undo()


def main() -> None:
    """Measure all, print them, and drop the database."""
    parser = setting.parser(__doc__)
    parser.add_argument("--rows", type=setting.positive, nargs="+", default=[100_000, 500_000])
    parser.add_argument(
        "--users", type=setting.positive, default=1_000, help="users in the database (1000)"
    )
    parser.add_argument("--rounds", type=setting.positive, default=5)
    options = parser.parse_args()
    server = setting.start()
    with (
        server.scratch(DATABASE),
        psycopg.connect(databases.url(server, DATABASE), autocommit=True) as connection,
    ):
        databases.migrate(server, DATABASE)
        databases.add_rows(server, DATABASE, options.users)
        connection.execute("SET synchronous_commit = off")
        results: dict[str, Any] = {
            "machine": setting.machine(connection),
            "bytes": _bytes(connection),
            "keys": [_keys(connection, rows, options.rounds) for rows in options.rows],
            "trigger": _trigger(connection, options.rounds),
            "indexes": _indexes(connection, options.rows[-1], options.rounds),
            "accounts": accounts.measure(connection),
            "jobs": jobs.measure(connection),
            "updates": updates.measure(connection),
            "agreement": agreement.measure(connection),
        }
    setting.write(options.json, results)
    tables.show("price", results)


def _keys(connection: psycopg.Connection, rows: int, rounds: int) -> dict[str, Any]:
    """Insert into tables with this many rows, which differ only in their key."""
    report.step(f"keys, {rows:,} rows")
    names = list(KEYS)
    if connection.info.server_version < VERSION_7:
        report.step("UUIDs of version 7 are left out: they need PostgreSQL 18")
        names = [name for name in names if "uuidv7" not in KEYS[name][1]]
    cases, tables = [], {}
    for number, name in enumerate(names):
        kind, default = KEYS[name]
        tables[name] = table = f"keys_{number}"
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(PLAIN.format(table=table, type=kind, default=default))
        connection.execute(FILL.format(table=table, rows=rows))
        connection.execute(f"VACUUM (ANALYZE) {table}")
        batch = FILL.format(table=table, rows=BATCH)
        cases.append(Case(name, lambda batch=batch: _repeat(connection, batch, 10)))
    take_turns(cases, rounds)
    return {
        "rows": rows,
        "cases": [
            {
                "name": case.name,
                "rows_a_second": [round(10 * BATCH / seconds) for seconds in case.seconds],
                "index_bytes_a_row": _size(connection, f"{tables[case.name]}_pkey", case, rows),
                "table_bytes_a_row": _size(connection, tables[case.name], case, rows),
            }
            for case in cases
        ],
    }


def _repeat(connection: psycopg.Connection, statement: str, times: int) -> None:
    for _ in range(times):
        connection.execute(statement)


def _size(connection: psycopg.Connection, relation: str, case: Case, rows: int) -> float:
    size = connection.execute("SELECT pg_relation_size(%s::regclass)", [relation]).fetchone()[0]
    inserted = 10 * BATCH * (len(case.seconds) + 1)
    return round(size / (rows + inserted), 1)


def _trigger(connection: psycopg.Connection, rounds: int) -> list[dict[str, Any]]:
    """Update 10,000 plays in one statement, with the trigger and without it."""
    report.step("the trigger")
    update = "UPDATE track_plays SET is_complete = NOT is_complete"
    some = "WHERE id IN (SELECT id FROM track_plays LIMIT 10000)"
    touch = ", updated_at = CURRENT_TIMESTAMP"

    def switch(how: str) -> Callable[[], None]:
        return lambda: connection.execute(f"ALTER TABLE track_plays {how} TRIGGER ALL")

    cases = [
        Case("with the trigger", lambda: connection.execute(f"{update} {some}")),
        Case(
            "without, updated_at set by the statement",
            lambda: connection.execute(f"{update}{touch} {some}"),
            switch("DISABLE"),
            switch("ENABLE"),
        ),
    ]
    for case in cases:
        # Dead rows would slow the next round down.
        undo = case.undo
        case.undo = lambda undo=undo: (undo(), connection.execute("VACUUM track_plays"))
    take_turns(cases, rounds)
    return [{"name": case.name, "seconds": case.seconds, "rows": 10_000} for case in cases]


def _indexes(connection: psycopg.Connection, rows: int, rounds: int) -> list[dict[str, Any]]:
    """Insert plays into copies of track_plays, each with different indexes."""
    report.step(f"each index of track_plays, {rows:,} rows")
    definitions = dict(
        connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public' AND tablename = 'track_plays'"
            " AND indexname <> 'track_plays_pkey' ORDER BY indexname"
        ).fetchall()
    )
    copies = [
        ("as it is", set(definitions), True),
        *((f"without {name}", set(definitions) - {name}, True) for name in definitions),
        ("with none of the three", set(), True),
        ("without foreign keys", set(definitions), False),
        ("with neither", set(), False),
    ]
    cases, tables = [], {}
    for number, (name, indexes, references) in enumerate(copies):
        tables[name] = table = f"plays_{number}"
        _copy_plays(connection, table, [definitions[index] for index in indexes], references)
        connection.execute("SET session_replication_role = replica")
        connection.execute(PLAY.format(table=table, rows=rows))
        connection.execute("RESET session_replication_role")
        connection.execute(f"VACUUM (ANALYZE) {table}")
        batch = PLAY.format(table=table, rows=BATCH)
        cases.append(Case(name, lambda batch=batch: _repeat(connection, batch, 5)))
    take_turns(cases, rounds)
    sizes = dict(
        connection.execute(
            "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
            " WHERE relname = 'plays_0'"
        ).fetchall()
    )
    total = rows + 5 * BATCH * (rounds + 1)
    left_out = {f"without {name}": name.replace("track_plays", "plays_0") for name in definitions}
    return [
        {
            "name": case.name,
            "rows_a_second": [round(5 * BATCH / seconds) for seconds in case.seconds],
            "bytes_a_row": round(sizes.get(left_out.get(case.name, ""), 0) / total, 1),
        }
        for case in cases
    ]


def _copy_plays(
    connection: psycopg.Connection, table: str, indexes: Sequence[str], references: bool
) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(
        f"CREATE TABLE {table} (LIKE track_plays INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    )
    connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    for definition in indexes:
        connection.execute(definition.replace("track_plays", table))
    if references:
        connection.execute(
            f"ALTER TABLE {table} ADD FOREIGN KEY (track_id) REFERENCES tracks ON DELETE CASCADE,"
            " ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL"
        )


def _bytes(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Return the bytes of a row of the large tables, with its indexes."""
    rows = connection.execute(
        "SELECT relname, pg_table_size(c.oid) / reltuples, pg_indexes_size(c.oid) / reltuples"
        " FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND reltuples >= 1000 ORDER BY relname"
    )
    return [
        {"table": name, "row": round(row), "indexes": round(indexes)} for name, row, indexes in rows
    ]


if __name__ == "__main__":
    main()
