"""What a platform with very many plays could change in track_plays: partitions by month, and BRIN.

Run it with `make bench-scale`. V1's table and a partitioned one both have two years of plays, and
V1's indexes and foreign keys. The results are in docs/scale.md.
"""

import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks.queries import databases, plans, report, setting, tables
from benchmarks.queries.price import Case, take_turns

DATABASE = "bench_scale"
MONTHS = 24
PLAIN, PARTS = "track_plays", "plays_by_month"
BATCH = 1_000

FILL = """WITH t AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM tracks LIMIT 5000) s),
     u AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM users LIMIT 5000) s)
INSERT INTO {table} (track_id, user_id, duration_ms, created_at)
SELECT t.ids[1 + (random() ^ 3 * (array_length(t.ids, 1) - 1))::int],
       u.ids[1 + (random() * (array_length(u.ids, 1) - 1))::int], 180000, {when}
FROM t, u, generate_series(1, {rows}) n"""
#: Evenly over two years, in order; the current month is the last one.
OVER_TIME = (
    "date_trunc('month', now()) + interval '27 days'"
    f" - interval '{MONTHS} months' * (1 - n / {{rows}}::float8)"
)

WEEK = """SELECT track_id, count(*) FROM {table}
WHERE created_at >= $1::timestamptz - interval '7 days' AND created_at < $1::timestamptz
GROUP BY track_id ORDER BY count(*) DESC LIMIT 50"""
NEWEST = "SELECT id, track_id FROM {table} WHERE user_id = $1 ORDER BY created_at DESC LIMIT 50"
BY_ID = "SELECT * FROM {table} WHERE id = $1"


def main() -> None:
    """Fill both tables, measure, print, and drop the database."""
    parser = setting.parser(__doc__)
    parser.add_argument(
        "--rows", type=setting.positive, default=500_000, help="plays in each table (500000)"
    )
    parser.add_argument("--rounds", type=setting.positive, default=3)
    options = parser.parse_args()
    server = setting.start()
    costs = {"random_page_cost": 1.1}
    with (
        server.scratch(DATABASE),
        psycopg.connect(databases.url(server, DATABASE, costs), autocommit=True) as connection,
    ):
        databases.migrate(server, DATABASE)
        databases.add_rows(server, DATABASE, 1_000)
        connection.execute("SET synchronous_commit = off")
        _make(connection, options.rows)
        results = {
            "machine": setting.machine(connection),
            "rows": options.rows,
            "unique_without": _unique_without(connection),
            "reads": _reads(connection),
            "brin": _brin(connection),
            "removal": _removal(connection),
            "bytes": _bytes_of_a_row(connection),
            "inserts": _inserts(connection, options.rounds),
        }
    setting.write(options.json, results)
    tables.show("scale", results)


def _make(connection: psycopg.Connection, rows: int) -> None:
    """Fill V1's table, and one with a partition for each month."""
    report.step(f"{rows:,} plays, twice")
    connection.execute(f"TRUNCATE {PLAIN}")
    connection.execute(
        f"CREATE TABLE {PARTS} (LIKE {PLAIN} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (created_at)"
    )
    # The primary key of a partitioned table must contain the partition key.
    connection.execute(f"ALTER TABLE {PARTS} ADD PRIMARY KEY (id, created_at)")
    for name, definition in _indexes(connection):
        connection.execute(
            definition.replace(name, name.replace(PLAIN, PARTS)).replace(
                f"public.{PLAIN}", f"public.{PARTS}"
            )
        )
    for month in range(MONTHS + 1):
        first = f"date_trunc('month', now()) - interval '{MONTHS - month} months'"
        bounds = connection.execute(
            f"SELECT ({first})::text, ({first} + interval '1 month')::text"
        ).fetchone()
        connection.execute(
            f"CREATE TABLE {PARTS}_{month:02} PARTITION OF {PARTS}"
            f" FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
        )
    connection.execute("SET session_replication_role = replica")
    connection.execute(FILL.format(table=PLAIN, rows=rows, when=OVER_TIME.format(rows=rows)))
    connection.execute(f"INSERT INTO {PARTS} SELECT * FROM {PLAIN} ORDER BY created_at")
    connection.execute("RESET session_replication_role")
    connection.execute(
        f"ALTER TABLE {PARTS} ADD FOREIGN KEY (track_id) REFERENCES tracks ON DELETE CASCADE,"
        " ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL"
    )
    connection.execute(f"VACUUM (ANALYZE) {PLAIN}, {PARTS}")


def _indexes(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        f" AND tablename = '{PLAIN}' AND indexname <> '{PLAIN}_pkey' ORDER BY indexname"
    ).fetchall()


def _unique_without(connection: psycopg.Connection) -> dict[str, int]:
    """Count V1's unique indexes, and those that lack a possible distribution column.

    Primary keys and the indexes of table users are left out.
    """
    rows = connection.execute("""
        SELECT count(*), count(*) FILTER (WHERE NOT (names && '{user_id,created_at}')),
               count(*) FILTER (WHERE NOT names && '{user_id}'),
               count(*) FILTER (WHERE NOT names && '{created_at}')
        FROM (SELECT ARRAY(SELECT attname::text FROM pg_attribute
                           WHERE attrelid = indrelid AND attnum = ANY(indkey)) AS names
              FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
              WHERE relnamespace = 'public'::regnamespace AND indisunique AND NOT indisprimary
                AND relname <> ALL(ARRAY['users'])) i""").fetchone()
    return dict(zip(("all", "either", "user_id", "created_at"), rows, strict=True))


def _reads(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Explain the reads on both tables; return buffers, the number of tables read, milliseconds."""
    report.step("reads")
    latest = str(connection.execute(f"SELECT max(created_at) FROM {PLAIN}").fetchone()[0])
    user, play = connection.execute(
        f"SELECT user_id::text, id::text FROM {PLAIN} ORDER BY created_at LIMIT 1"
    ).fetchone()
    recent = f"{NEWEST.replace('ORDER', "AND created_at > now() - interval '2 months' ORDER")}"
    cases = [
        ("plays of 7 days, by track", WEEK, (latest,)),
        ("newest plays of a user", NEWEST, (user,)),
        ("the same, of two months", recent, (user,)),
        ("newest plays of one who has none", NEWEST, (str(uuid.uuid4()),)),
        ("a play by its id", BY_ID, (play,)),
    ]
    return [
        {"name": name}
        | {table: _read(connection, sql.format(table=table), row) for table in (PLAIN, PARTS)}
        for name, sql, row in cases
    ]


def _read(connection: psycopg.Connection, statement: str, row: tuple[str, ...]) -> dict[str, Any]:
    explained = plans.explain(connection, statement, [row] * 6)[-1]
    with connection.transaction(force_rollback=True):
        connection.execute(f"PREPARE timed AS {statement}")
        values = ", ".join(f"'{value}'" for value in row)
        milliseconds = min(
            _milliseconds(lambda: connection.execute(f"EXECUTE timed({values})")) for _ in range(9)
        )
        connection.execute("DEALLOCATE timed")
    ran = {node["Relation Name"] for node in explained.nodes
           if node.get("Relation Name") and node["Actual Loops"] > 0}  # fmt: skip
    return {
        "buffers": explained.buffers,
        "tables": len(ran),
        "ms": round(milliseconds, 3),
        "shape": explained.shape if len(ran) == 1 else "",
    }


def _milliseconds(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def _inserts(connection: psycopg.Connection, rounds: int) -> dict[str, list[float]]:
    report.step("inserts")
    statements = {
        table: FILL.format(table=table, rows=BATCH, when="clock_timestamp()")
        for table in (PLAIN, PARTS)
    }
    cases = [
        Case(table, lambda sql=sql: [connection.execute(sql) for _ in range(10)])
        for table, sql in statements.items()
    ]
    take_turns(cases, rounds)
    return {case.name: [round(10 * BATCH / one) for one in case.seconds] for case in cases}


def _brin(connection: psycopg.Connection) -> dict[str, dict[str, Any]]:
    """Compare a b-tree on created_at, as in V1, with BRIN: size, and the count of a week."""
    report.step("BRIN")
    found = {}
    latest = connection.execute(f"SELECT max(created_at)::text FROM {PLAIN}").fetchone()
    btree = f"idx_{PLAIN}_created_at"
    for name, make in (
        ("b-tree", None),
        ("BRIN", f"CREATE INDEX plays_brin ON {PLAIN} USING brin (created_at)"),
    ):
        with connection.transaction(force_rollback=True):
            if make:
                # In a table this small, PostgreSQL would choose another index for a week.
                for other, _ in _indexes(connection):
                    connection.execute(f"DROP INDEX {other}")
                connection.execute(make)
            size = connection.execute(
                "SELECT pg_relation_size(%s::regclass)", ["plays_brin" if make else btree]
            ).fetchone()[0]
            found[name] = {"bytes": size} | _read(connection, WEEK.format(table=PLAIN), latest)
    return found


def _removal(connection: psycopg.Connection) -> dict[str, float]:
    """Delete the oldest whole month, and drop its partition; return the seconds of each."""
    report.step("deletion of a month")
    first, last = connection.execute(
        f"SELECT (date_trunc('month', now()) - interval '{MONTHS - 1} months')::text,"
        f" (date_trunc('month', now()) - interval '{MONTHS - 2} months')::text"
    ).fetchone()
    delete = f"DELETE FROM {PLAIN} WHERE created_at >= '{first}' AND created_at < '{last}'"
    seconds = {}
    started = time.perf_counter()
    rows = connection.execute(delete).rowcount
    seconds["delete"] = time.perf_counter() - started
    seconds["vacuum"] = _milliseconds(lambda: connection.execute(f"VACUUM {PLAIN}")) / 1000
    seconds["drop"] = (
        _milliseconds(
            lambda: connection.execute(
                f"ALTER TABLE {PARTS} DETACH PARTITION {PARTS}_01; DROP TABLE {PARTS}_01"
            )
        )
        / 1000
    )
    return {"rows": rows} | {name: round(value, 4) for name, value in seconds.items()}


def _bytes_of_a_row(connection: psycopg.Connection) -> dict[str, float]:
    table, indexes, rows = connection.execute(
        "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)),"
        f" (SELECT count(*) FROM {PARTS}) FROM pg_partition_tree('{PARTS}') WHERE isleaf"
    ).fetchone()
    return {"table": round(float(table) / rows, 1), "indexes": round(float(indexes) / rows, 1)}


if __name__ == "__main__":
    main()
