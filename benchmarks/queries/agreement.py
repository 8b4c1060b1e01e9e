"""What it costs that a reply is of its parent's track: by a trigger, or by a composite key.

Part of `make bench-price`. Each row is a statement and a transaction of its own, as a service's is.
"""

import os
import statistics
from pathlib import Path
from typing import Any

import psycopg
from rich.table import Table

from benchmarks.queries import report

#: Comments that are there, and those that are added of each kind, in each of the rounds.
COMMENTS = 100_000
ADDED = 1_000
ROUNDS = 7

#: By the variant's name: its table, and the foreign key that its replies have.
VARIANTS = {
    "by nothing": ("comments_plain", "(parent_id) REFERENCES comments_plain ON DELETE SET NULL"),
    "by the trigger": ("track_comments", ""),
    "by a composite key": (
        "comments_key",
        "(parent_id, track_id) REFERENCES comments_key (id, track_id)"
        " ON DELETE SET NULL (parent_id)",
    ),
}
#: As track_comments, without its trigger; the key's table has the index that the key needs.
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
#: So that EXPLAIN counts what the triggers do, too: those of foreign keys are triggers.
FUNCTION = """
CREATE OR REPLACE FUNCTION add_to_{table}(track uuid, author uuid, parent uuid) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {table} (track_id, user_id, parent_id, content)
    VALUES (track, author, parent, 'Good, and long');
END $$"""
EXPLAIN = "EXPLAIN (ANALYZE, WAL, BUFFERS, TIMING off, FORMAT JSON)"


def measure(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Add comments to a table of each variant, then replies to comments, in turn."""
    for variant, (table, key) in VARIANTS.items():
        report.step(f"comments that agree {variant}")
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
    """What a comment takes, with its indexes."""
    (size,) = connection.execute("SELECT pg_total_relation_size(%s)", [table]).fetchone() or (0,)
    return round(size / COMMENTS)


def _rows(connection: psycopg.Connection[Any], table: str, *, with_parents: bool) -> list[Any]:
    """Tracks, users, and parents if any, of other comments each time."""
    return connection.execute(
        f"SELECT track_id, user_id, {'id' if with_parents else 'NULL'}"
        f" FROM {table} ORDER BY random() LIMIT {ADDED}"
    ).fetchall()


def _written(connection: psycopg.Connection[Any], table: str, rows: list[Any]) -> dict[str, Any]:
    add = f"{EXPLAIN} SELECT add_to_{table}(%s, %s, %s)"
    plans = [connection.execute(add, row).fetchone()[0][0]["Plan"] for row in rows]
    # After a checkpoint a page goes whole into WAL, which is no part of what is compared.
    plans = [plan for plan in plans if not plan["WAL FPI"]]
    buffers = [plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans]
    return {
        "wal_bytes": round(statistics.mean(plan["WAL Bytes"] for plan in plans)),
        "buffers": round(statistics.mean(buffers), 1),
    }


def _processor_time(connection: psycopg.Connection[Any], table: str, rows: list[Any]) -> float:
    """Seconds of the processor that a row costs the server."""
    add = f"SELECT add_to_{table}(%s, %s, %s)"
    before = _used(connection)
    for row in rows:
        connection.execute(add, row, prepare=True)
    return (_used(connection) - before) / len(rows)


def _used(connection: psycopg.Connection[Any]) -> float:
    """Seconds that the session's process has had so far; the server is on this machine.

    Fields 14 and 15 of /proc/<pid>/stat (proc(5)) are counted behind the name, which may have
    spaces.
    """
    stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def show(results: list[dict[str, Any]]) -> None:
    """Print what `measure` gave."""
    table = Table("a reply's track is kept", "row", "bytes a comment", "WAL, bytes", "buffers",
                  "processor, µs", "ratio", title="Rows that agree")  # fmt: skip
    for row in summary(results):
        table.add_row(*row)
    report.console.print(table)


def summary(results: list[dict[str, Any]]) -> list[list[str]]:
    """A row of a table for each result; the ratio is of the processor's time to that of nothing."""
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
