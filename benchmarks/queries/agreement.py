"""The cost of the check that a reply is on its parent's track, by a trigger or a composite key.

Part of `make bench-price`. Each row is a separate statement and transaction, as in a service.
"""

import os
import statistics
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.queries import report

#: Comments at the start, and those of each kind that are added in each round.
COMMENTS = 100_000
ADDED = 1_000
ROUNDS = 7

#: By the variant's name: its table, and the foreign key of its replies.
VARIANTS = {
    "by nothing": ("comments_plain", "(parent_id) REFERENCES comments_plain ON DELETE SET NULL"),
    "by the trigger": ("track_comments", ""),
    "by a composite key": (
        "comments_key",
        "(parent_id, track_id) REFERENCES comments_key (id, track_id)"
        " ON DELETE SET NULL (parent_id)",
    ),
}
#: Like track_comments, without its trigger. For the composite key, with the index that it needs.
COPY = """
CREATE TABLE {table} (LIKE track_comments INCLUDING ALL);
ALTER TABLE {table} ADD FOREIGN KEY (track_id) REFERENCES tracks ON DELETE CASCADE,
    ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
{unique}
ALTER TABLE {table} ADD FOREIGN KEY {key}"""
FILL = f"""
TRUNCATE {{table}};
WITH t AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM tracks LIMIT 1000) s),
     u AS (SELECT array_agg(id) AS ids FROM (SELECT id FROM users LIMIT 1000) s)
INSERT INTO {{table}} (track_id, user_id, content)
SELECT t.ids[1 + n % cardinality(t.ids)], u.ids[1 + n % cardinality(u.ids)], 'Good, and long'
FROM t, u, generate_series(1, {COMMENTS}) AS n;
ANALYZE {{table}}"""
#: A function, so that EXPLAIN also counts the work of triggers, those of foreign keys included.
FUNCTION = """
CREATE OR REPLACE FUNCTION add_to_{table}(track uuid, author uuid, parent uuid) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {table} (track_id, user_id, parent_id, content)
    VALUES (track, author, parent, 'Good, and long');
END $$"""
EXPLAIN = "EXPLAIN (ANALYZE, WAL, BUFFERS, TIMING off, FORMAT JSON)"


def measure(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Add comments to the table of each variant, then replies, in turn."""
    for variant, (table, key) in VARIANTS.items():
        report.step(f"comments checked {variant}")
        if key:
            unique = f"ALTER TABLE {table} ADD UNIQUE (id, track_id);" if "track_id" in key else ""
            connection.execute(COPY.format(table=table, unique=unique, key=key))
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        connection.execute(FILL.format(table=table))
        connection.execute(FUNCTION.format(table=table))
    results = [
        {"variant": variant, "row": row, "bytes": _bytes(connection, table), "cpu": []}
        for variant, (table, _) in VARIANTS.items()
        for row in ("comment", "reply")
    ]
    for number in range(ROUNDS + 1):
        for result in results:
            table, _ = VARIANTS[result["variant"]]
            rows = _rows(connection, table, with_parents=result["row"] == "reply")
            if number:
                result["cpu"].append(_processor_time(connection, table, rows))
            else:
                result |= _written(connection, table, rows)
    return results


def _bytes(connection: psycopg.Connection[Any], table: str) -> int:
    """Return the bytes of a comment, including its index entries."""
    (size,) = connection.execute("SELECT pg_total_relation_size(%s)", [table]).fetchone() or (0,)
    return round(size / COMMENTS)


def _rows(connection: psycopg.Connection[Any], table: str, *, with_parents: bool) -> list[Any]:
    """Return tracks, users and, for replies, parents, chosen at random."""
    return connection.execute(
        f"SELECT track_id, user_id, {'id' if with_parents else 'NULL'}"
        f" FROM {table} ORDER BY random() LIMIT {ADDED}"
    ).fetchall()


def _written(connection: psycopg.Connection[Any], table: str, rows: list[Any]) -> dict[str, Any]:
    add = f"{EXPLAIN} SELECT add_to_{table}(%s, %s, %s)"
    plans = [connection.execute(add, row).fetchone()[0][0]["Plan"] for row in rows]
    # After a checkpoint, PostgreSQL writes whole pages to WAL, which are not compared.
    plans = [plan for plan in plans if not plan["WAL FPI"]]
    buffers = [plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans]
    return {
        "wal_bytes": round(statistics.mean(plan["WAL Bytes"] for plan in plans)),
        "buffers": round(statistics.mean(buffers), 1),
    }


def _processor_time(connection: psycopg.Connection[Any], table: str, rows: list[Any]) -> float:
    """Insert the rows; return the CPU seconds of the server for each one."""
    add = f"SELECT add_to_{table}(%s, %s, %s)"
    before = _used(connection)
    for row in rows:
        connection.execute(add, row, prepare=True)
    return (_used(connection) - before) / len(rows)


def _used(connection: psycopg.Connection[Any]) -> float:
    """Return the CPU seconds of the session's process so far; the server is on this machine.

    Fields 14 and 15 of /proc/<pid>/stat (proc(5)) are counted from the end of the name, which may
    have spaces.
    """
    stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def summary(results: list[dict[str, Any]]) -> list[list[str]]:
    """Return a table row for each result. The ratio is the CPU time over that without a check."""
    base = {each["row"]: each["cpu"] for each in results if each["variant"] == "by nothing"}
    return [
        [
            each["variant"], each["row"], str(each["bytes"]), str(each["wal_bytes"]),
            str(each["buffers"]), f"{1e6 * statistics.median(each['cpu']):.0f}",
            report.spread(
                [one / other for one, other in zip(each["cpu"], base[each["row"]], strict=True)]
            ),
        ]
        for each in results
    ]  # fmt: skip
