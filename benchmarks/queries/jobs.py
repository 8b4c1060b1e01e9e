"""How much a worker reads to find its next job, with deferred jobs of each priority before it.

Part of `make bench-price`.
"""

from typing import Any

import psycopg

from benchmarks.queries import plans, report
from benchmarks.queries.catalogue.media import NEXT_OF_ALL
from benchmarks.queries.statements import replace, sql

DEFERRED = (0, 20_000)
#: Two jobs of the lowest priority that are due, and the deferred jobs.
QUEUE = """
TRUNCATE hls_transcode_queue;
INSERT INTO hls_transcode_queue (track_id, priority) SELECT id, 1 FROM tracks LIMIT 2;
WITH version AS (
    INSERT INTO track_versions (track_id, version_number, file_path)
    SELECT id, 10000 + n, 'tracks/deferred.flac'
    FROM (SELECT id FROM tracks LIMIT 1) AS track, generate_series(1, {deferred}) AS n
    RETURNING track_id, id, version_number)
INSERT INTO hls_transcode_queue (track_id, track_version_id, priority, run_after)
SELECT track_id, id, 1 + version_number % 10, now() + interval '1 hour' FROM version;
ANALYZE hls_transcode_queue
"""
#: By the second column of the index: the statement that reads it.
STATEMENTS = {
    "created_at": replace(NEXT_OF_ALL, "priority DESC, run_after", "priority DESC, created_at"),
    "run_after": sql("TakeTranscodeJob"),
}


def measure(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return the buffers of taking a job, by the queue's index. All changes are rolled back."""
    report.step("deferred jobs")
    results = []
    for deferred in DEFERRED:
        for column, statement in STATEMENTS.items():
            with connection.transaction(force_rollback=True):
                connection.execute(
                    "DROP INDEX idx_hls_transcode_queue_priority_run_after;"
                    f" CREATE INDEX next ON hls_transcode_queue (priority DESC, {column})"
                    " WHERE status = 'pending'"
                )
                connection.execute(QUEUE.format(deferred=deferred))
                (plan,) = plans.explain(connection, statement, [("worker",)])
            results.append({"deferred": deferred, "column": column, "buffers": plan.buffers})
    return results
