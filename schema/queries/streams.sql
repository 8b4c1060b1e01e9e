-- The stream server and its workers: streams, the transcode queue, and what players report.

-- name: PlayableTrack :one
-- Whether somebody may listen to a track: it is public and ready, or the listener's own, and its
-- owner is not banned, deactivated or deleted. $2: the listener; NULL: not signed in.
-- index: tracks_pkey, users_pkey
SELECT tracks.id, tracks.file_path, tracks.duration_ms
FROM tracks JOIN users ON users.id = tracks.user_id
WHERE tracks.id = $1 AND tracks.status = 'ready' AND tracks.deleted_at IS NULL
  AND (tracks.is_public OR tracks.user_id = $2)
  AND users.is_active AND NOT users.is_banned AND users.deleted_at IS NULL;

-- name: ReadyStream :one
-- index: idx_hls_streams_track_id_created_at
SELECT id, playlist_url, bitrates FROM hls_streams
WHERE track_id = $1 AND status = 'ready' ORDER BY created_at DESC LIMIT 1;

-- name: CreateStream :one
-- $2: the version of the stream; NULL: the upload itself. 23514: that version belongs to another
-- track.
-- index: none
INSERT INTO hls_streams (track_id, track_version_id) VALUES ($1, $2) RETURNING id;

-- name: MoveStream :execrows
-- From status $2 to the next one. 0 rows: somebody else was faster.
-- index: hls_streams_pkey
UPDATE hls_streams SET status = $3 WHERE id = $1 AND status = $2;

-- name: CompleteStream :execrows
-- index: hls_streams_pkey
UPDATE hls_streams SET status = 'ready', playlist_url = $2, segment_count = $3,
    segment_duration_ms = $4, bitrates = $5
WHERE id = $1 AND status = 'processing';

-- name: EnqueueTranscodeJob :execrows
-- 0 rows: a job for the track and version is already waiting. 23514: the version $2 belongs to
-- another track.
-- index: none
INSERT INTO hls_transcode_queue (track_id, track_version_id, priority) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: TakeTranscodeJob :one
-- The next job for worker $1: with the highest priority, and then the earliest run_after. Workers
-- do not wait for each other, and no job is given twice. Only this statement raises attempt_count.
-- It searches each priority separately: in one range of the index, it would read all deferred jobs
-- of a priority before the next priority.
-- index: idx_hls_transcode_queue_priority_run_after, hls_transcode_queue_pkey
UPDATE hls_transcode_queue
SET status = 'processing', locked_by = $1, locked_at = CURRENT_TIMESTAMP,
    started_at = CURRENT_TIMESTAMP, attempt_count = attempt_count + 1
WHERE id = (
    SELECT job.id
    FROM (SELECT number FROM generate_series(1, 10) AS number ORDER BY number DESC) AS level
    CROSS JOIN LATERAL (
        SELECT waiting.id FROM hls_transcode_queue AS waiting
        WHERE waiting.status = 'pending' AND waiting.priority = level.number
          AND waiting.run_after <= CURRENT_TIMESTAMP
        ORDER BY waiting.run_after LIMIT 1 FOR UPDATE SKIP LOCKED) AS job
    ORDER BY level.number DESC LIMIT 1)
RETURNING id, track_id, track_version_id, attempt_count, max_attempts;

-- name: KeepTranscodeJob :execrows
-- A heartbeat, once a minute. 0 rows: the worker has lost the job, and must stop.
-- index: hls_transcode_queue_pkey
UPDATE hls_transcode_queue SET locked_at = CURRENT_TIMESTAMP
WHERE id = $1 AND locked_by = $2 AND status = 'processing';

-- name: CompleteTranscodeJob :execrows
-- 0 rows: the worker has lost the job, and its result is discarded.
-- index: hls_transcode_queue_pkey
UPDATE hls_transcode_queue
SET status = 'completed', completed_at = CURRENT_TIMESTAMP, error_message = NULL
WHERE id = $1 AND locked_by = $2 AND status = 'processing';

-- name: FailTranscodeJob :execrows
-- An attempt failed. The job waits for the next attempt (1, 2, 4, ... minutes), or has failed after
-- its last one, or is cancelled if another job of the same version is waiting. 23505: such a job
-- was added at this moment, so run it again.
-- index: hls_transcode_queue_pkey, idx_hls_transcode_queue_track_id_track_version_id
UPDATE hls_transcode_queue AS job
SET status = next.status, run_after = next.run_after,
    completed_at = CASE WHEN next.status <> 'pending' THEN (SELECT CURRENT_TIMESTAMP) END,
    locked_by = NULL, locked_at = NULL, error_message = $3
FROM (SELECT own.id, CASE
        WHEN own.attempt_count >= own.max_attempts THEN 'failed'::transcode_status
        WHEN EXISTS (SELECT FROM hls_transcode_queue AS other
                     WHERE other.status = 'pending' AND other.track_id = own.track_id
                       AND other.track_version_id IS NOT DISTINCT FROM own.track_version_id)
            THEN 'cancelled' ELSE 'pending' END AS status,
        CURRENT_TIMESTAMP + interval '1 minute' * 2 ^ least(own.attempt_count - 1, 10)
            AS run_after
    FROM hls_transcode_queue AS own WHERE own.id = $1) AS next
WHERE job.id = next.id AND job.locked_by = $2 AND job.status = 'processing';

-- name: TakeBackTranscodeJobs :many
-- Takes back the jobs of workers without a heartbeat for $1 seconds: each waits for another worker,
-- or has failed, or is cancelled if another job of the same version is waiting. Any worker may call
-- it, once a minute. 23505: such a job was added at this moment, so run it again.
-- index: idx_hls_transcode_queue_status_created_at, idx_hls_transcode_queue_track_id_track_version_id, hls_transcode_queue_pkey
WITH lost AS MATERIALIZED (
    SELECT id, track_id, track_version_id, created_at, attempt_count < max_attempts AS may_wait
    FROM hls_transcode_queue
    WHERE status = 'processing'
      AND locked_at < CURRENT_TIMESTAMP - make_interval(secs => $1::double precision)
    ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED
), next AS (
    SELECT lost.id, CASE
        WHEN NOT lost.may_wait THEN 'failed'::transcode_status
        WHEN row_number() OVER (PARTITION BY lost.track_id, lost.track_version_id, lost.may_wait
                                ORDER BY lost.created_at, lost.id) > 1
          OR EXISTS (SELECT FROM hls_transcode_queue AS other
                     WHERE other.status = 'pending' AND other.track_id = lost.track_id
                       AND other.track_version_id IS NOT DISTINCT FROM lost.track_version_id)
            THEN 'cancelled' ELSE 'pending' END AS status
    FROM lost
)
UPDATE hls_transcode_queue AS job
SET status = next.status,
    completed_at = CASE WHEN next.status <> 'pending' THEN (SELECT CURRENT_TIMESTAMP) END,
    locked_by = NULL, locked_at = NULL, error_message = 'its worker gave no sign of life'
FROM next WHERE job.id = next.id
RETURNING job.id, job.track_id, job.status;

-- name: RecordBitrateChange :exec
-- index: none
INSERT INTO bitrate_adaptation_logs (track_id, user_id, session_id, old_bitrate, new_bitrate,
                                     reason, network_bandwidth, buffer_level_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: BitrateChangesOfSession :many
-- index: idx_bitrate_adaptation_logs_session_id_created_at
SELECT created_at, old_bitrate, new_bitrate, reason
FROM bitrate_adaptation_logs WHERE session_id = $1 ORDER BY created_at;

-- name: RecordPlayback :exec
-- index: none
INSERT INTO playback_analytics (track_id, user_id, session_id, started_at, ended_at, play_time_ms,
                                pause_count, seek_count, completion_rate)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);
