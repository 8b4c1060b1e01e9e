"""Group 5: shares, streams, and the transcode queue."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import replace, sql

#: For a schema without an index that begins with the priority.
NEXT_OF_ALL = """UPDATE hls_transcode_queue
SET status = 'processing', locked_by = $1, locked_at = CURRENT_TIMESTAMP,
    started_at = CURRENT_TIMESTAMP, attempt_count = attempt_count + 1
WHERE id = (SELECT id FROM hls_transcode_queue
            WHERE status = 'pending' AND run_after <= CURRENT_TIMESTAMP
            ORDER BY priority DESC, run_after LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, track_id, track_version_id, attempt_count, max_attempts"""

QUERIES = [
    Query(
        name="share by its token",
        group=5,
        sql=sql("ShareByToken"),
        sample="SELECT token_hash FROM {some:track_shares} WHERE deleted_at IS NULL",
    ),
    Query(
        name="ready stream of a track",
        group=5,
        sql=sql("ReadyStream"),
        sample="SELECT track_id FROM {some:track_plays}",
    ),
    Query(
        name="bitrate changes of a session",
        group=5,
        sql=sql("BitrateChangesOfSession"),
        sample="SELECT session_id FROM {some:bitrate_adaptation_logs} WHERE session_id IS NOT NULL",
    ),
    Query(
        name="next transcode job",
        group=5,
        sql=sql("TakeTranscodeJob"),
        # The lab schema has no versions of tracks.
        instead={
            "lab": replace(NEXT_OF_ALL, "track_version_id, ", ""),
            "stock": NEXT_OF_ALL,
        },
        sample="SELECT 'worker ' || n FROM generate_series(1, 16) n",
        clients=(1, 4, 16),
        reset=(
            "UPDATE hls_transcode_queue SET status = 'pending'"
            " WHERE status = 'processing' AND locked_by LIKE 'worker %'",
            "VACUUM hls_transcode_queue",
        ),
    ),
]
