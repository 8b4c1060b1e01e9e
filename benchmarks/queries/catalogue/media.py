"""Group 5: shares, streams, and the transcode queue."""

from benchmarks.queries.query import Query

QUERIES = [
    Query(
        name="share by its token",
        group=5,
        sql="""SELECT track_shares.track_id, track_shares.permission, tracks.title
FROM track_shares JOIN tracks ON tracks.id = track_shares.track_id
WHERE track_shares.token_hash = $1 AND track_shares.deleted_at IS NULL
  AND (track_shares.expires_at IS NULL OR track_shares.expires_at > CURRENT_TIMESTAMP)""",
        sample="SELECT token_hash FROM {some:track_shares} WHERE deleted_at IS NULL",
    ),
    Query(
        name="ready stream of a track",
        group=5,
        sql="""SELECT id, playlist_url, bitrates FROM hls_streams
WHERE track_id = $1 AND status = 'ready' ORDER BY created_at DESC LIMIT 1""",
        sample="SELECT track_id FROM {some:track_plays}",
    ),
    Query(
        name="bitrate changes of a session",
        group=5,
        sql="""SELECT created_at, old_bitrate, new_bitrate, reason
FROM bitrate_adaptation_logs WHERE session_id = $1 ORDER BY created_at""",
        sample="SELECT session_id FROM {some:bitrate_adaptation_logs} WHERE session_id IS NOT NULL",
    ),
    Query(
        name="next transcode job",
        group=5,
        sql="""UPDATE hls_transcode_queue
SET status = 'processing', locked_by = $1, locked_at = CURRENT_TIMESTAMP,
    started_at = CURRENT_TIMESTAMP, attempt_count = attempt_count + 1
WHERE id = (SELECT id FROM hls_transcode_queue
            WHERE status = 'pending' AND run_after <= CURRENT_TIMESTAMP
            ORDER BY priority DESC, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, track_id""",
        sample="SELECT 'worker ' || n FROM generate_series(1, 16) n",
        clients=(1, 4, 16),
        reset=(
            "UPDATE hls_transcode_queue SET status = 'pending'"
            " WHERE status = 'processing' AND locked_by LIKE 'worker %'",
            "VACUUM hls_transcode_queue",
        ),
    ),
]
