"""The cost of an update, by its table's fill factor, and by the columns of its indexes.

Part of `make bench-price`. Each update is a separate transaction, as in a service. A variant begins
with VACUUM FULL, so that pages are as full as inserts leave them with that fill factor.
"""

import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.queries import report, samples
from benchmarks.queries.query import Query
from benchmarks.queries.statements import sql

#: Updates of each kind; a sample with fewer rows is used once.
COUNT = 20_000
FILL_FACTORS = (100, 95, 90)
#: Two indexes on last_activity_at instead of created_at: each use of a session writes to them.
INSTEAD_OF_CREATED_AT = """
DROP INDEX idx_user_sessions_user_id_created_at, idx_user_sessions_ip_address_created_at;
CREATE INDEX one ON user_sessions (user_id, last_activity_at DESC);
CREATE INDEX two ON user_sessions (ip_address, last_activity_at DESC)
"""


@dataclass(frozen=True, slots=True)
class Update:
    """A statement that updates a row by its id, and the rows for it."""

    name: str
    table: str
    statement: str
    #: SQL for ids, like `Query.sample`.
    ids: str
    #: SQL after which the statement changes the rows again.
    reset: str = ""
    #: SQL that changes the indexes, for one more variant.
    otherwise: tuple[str, str] | None = None

    def variants(self) -> Iterator[tuple[str, str]]:
        """Return the name of each variant, and the SQL that prepares the table."""
        for factor in FILL_FACTORS:
            yield (
                f"fillfactor {factor}",
                f"ALTER TABLE {self.table} SET (fillfactor = {factor})",
            )
        if self.otherwise:
            name, change = self.otherwise
            yield name, f"ALTER TABLE {self.table} SET (fillfactor = 100);{change}"


UPDATES = (
    Update("count a play", "tracks", sql("CountPlay"), "SELECT track_id FROM {some:track_plays}"),
    # AddPlaylistTrack does this too, besides its INSERT.
    Update(
        "count a playlist's track",
        "playlists",
        "UPDATE playlists SET track_count = track_count + 1 WHERE id = $1",
        "SELECT playlist_id FROM {some:playlist_tracks}",
    ),
    Update(
        "record a sign-in", "users", sql("RecordSignIn"), "SELECT user_id FROM {some:user_sessions}"
    ),
    Update(
        "touch a session",
        "user_sessions",
        sql("TouchSession"),
        "SELECT id FROM user_sessions WHERE revoked_at IS NULL",
        "UPDATE user_sessions SET last_activity_at = created_at",
        ("last_activity_at in two indexes", INSTEAD_OF_CREATED_AT),
    ),
)


def measure(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Run each update on each variant of its table. The indexes of the last variant stay."""
    results = []
    for update in UPDATES:
        # So that autovacuum removes no dead rows during the measurement.
        connection.execute(f"ALTER TABLE {update.table} SET (autovacuum_enabled = off)")
        query = Query(name=update.name, group=6, sql=update.statement, sample=update.ids)
        ids = [id_ for (id_,) in samples.draw(connection, query, COUNT)]
        for name, change in update.variants():
            report.step(f"{update.name}, {name}")
            for statement in filter(str.strip, (*change.split(";"), update.reset)):
                connection.execute(statement)
            connection.execute(f"VACUUM (FULL, ANALYZE) {update.table}")
            results.append(
                {"update": update.name, "variant": name, **_run(connection, update, ids)}
            )
    return results


def _run(connection: psycopg.Connection[Any], update: Update, ids: list[Any]) -> dict[str, Any]:
    statement = re.sub(r"\$1", "%s", update.statement)
    explain = f"EXPLAIN (ANALYZE, WAL, TIMING off, FORMAT JSON) {statement}"
    before = _state(connection, update.table)
    roots = [connection.execute(explain, [id_]).fetchone()[0][0]["Plan"] for id_ in ids]
    after = _state(connection, update.table)
    updates = after["updates"] - before["updates"]
    # After a checkpoint, PostgreSQL writes whole pages to WAL, which are not compared.
    wal = [root["WAL Bytes"] for root in roots if root["WAL Records"] and not root["WAL FPI"]]
    return {
        "updates": updates,
        "hot": round((after["hot"] - before["hot"]) / updates, 3),
        "wal_bytes": round(statistics.mean(wal)),
        "index_bytes": round((after["indexes"] - before["indexes"]) / updates),
        "table_bytes_a_row": round(before["table"] / before["rows"]),
    }


def _state(connection: psycopg.Connection[Any], table: str) -> dict[str, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    names = ("updates", "hot", "indexes", "table", "rows")
    values = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd, pg_indexes_size(relid), pg_relation_size(relid),"
        " greatest(n_live_tup, 1) FROM pg_stat_user_tables WHERE relid = %s::regclass",
        [table],
    ).fetchone()
    return dict(zip(names, map(int, values or ()), strict=True))
