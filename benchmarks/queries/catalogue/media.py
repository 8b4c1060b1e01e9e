"""Group 5: shares, streams, and the transcode queue."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import replace, sql

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
        # It has no versions.
        instead={"lab": replace(sql("TakeTranscodeJob"), "track_version_id, ", "")},
        sample="SELECT 'worker ' || n FROM generate_series(1, 16) n",
        clients=(1, 4, 16),
        reset=(
            "UPDATE hls_transcode_queue SET status = 'pending'"
            " WHERE status = 'processing' AND locked_by LIKE 'worker %'",
            "VACUUM hls_transcode_queue",
        ),
    ),
]
