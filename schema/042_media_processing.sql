-- 042_media_processing.sql: part 6 of 8 of schema public, for PostgreSQL 15 and newer.
--
-- Written by `manage.py export_schema` from a freshly migrated database. Do not edit it: change
-- the schema by a migration. Load the parts into an empty database in the order of their names:
--   001_extensions_and_types.sql
--   010_auth_and_users.sql
--   020_rbac_and_profiles.sql
--   040_streaming_core.sql
--   041_streaming_analytics.sql
--   042_media_processing.sql
--   050_legacy_chat.sql
--   900_triggers_and_functions.sql

SET client_encoding = 'UTF8';

-- === hls_streams ===

CREATE TABLE public.hls_streams (
    id                  UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id            UUID NOT NULL,
    track_version_id    UUID,
    playlist_url        TEXT,
    segment_count       INTEGER NOT NULL DEFAULT 0,
    segment_duration_ms INTEGER,
    bitrates            INTEGER[] NOT NULL DEFAULT '{}',
    status              public.hls_stream_status NOT NULL DEFAULT 'pending',
    created_at          TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at          TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT hls_streams_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT hls_streams_track_version_id_fkey FOREIGN KEY (track_version_id)
        REFERENCES public.track_versions (id) ON DELETE SET NULL,
    CONSTRAINT chk_hls_streams_bitrates
        CHECK (cardinality(bitrates) = 0 OR array_ndims(bitrates) = 1 AND array_lower(bitrates, 1) = 1 AND array_position(bitrates, NULL::integer) IS NULL AND (0 < ALL (bitrates))),
    CONSTRAINT chk_hls_streams_segment_count CHECK (segment_count >= 0),
    CONSTRAINT chk_hls_streams_segment_duration_ms CHECK (segment_duration_ms > 0)
);

CREATE INDEX idx_hls_streams_created_at
    ON public.hls_streams (created_at DESC);
CREATE INDEX idx_hls_streams_status_created_at
    ON public.hls_streams (status, created_at DESC) WHERE NOT status = 'ready';
CREATE INDEX idx_hls_streams_track_id_created_at
    ON public.hls_streams (track_id, created_at DESC);
CREATE INDEX idx_hls_streams_track_version_id
    ON public.hls_streams (track_version_id);

COMMENT ON TABLE public.hls_streams IS 'Tracks cut into segments for HLS';
COMMENT ON COLUMN public.hls_streams.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.hls_streams.track_id IS 'The track that it streams';
COMMENT ON COLUMN public.hls_streams.track_version_id IS 'Made from this version; NULL: from the first file, or a purged version';
COMMENT ON COLUMN public.hls_streams.playlist_url IS 'The master playlist (m3u8); NULL: not yet created';
COMMENT ON COLUMN public.hls_streams.segment_count IS 'Segments of each rendition';
COMMENT ON COLUMN public.hls_streams.segment_duration_ms IS 'Target length of a segment, in ms';
COMMENT ON COLUMN public.hls_streams.bitrates IS 'Renditions, in kbit/s';
COMMENT ON COLUMN public.hls_streams.status IS 'Processing state';
COMMENT ON COLUMN public.hls_streams.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.hls_streams.updated_at IS 'When the row was last updated, set by a trigger';

-- === hls_transcode_queue ===

CREATE TABLE public.hls_transcode_queue (
    id               UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id         UUID NOT NULL,
    track_version_id UUID,
    priority         SMALLINT NOT NULL DEFAULT 5,
    status           public.transcode_status NOT NULL DEFAULT 'pending',
    attempt_count    INTEGER NOT NULL DEFAULT 0,
    max_attempts     INTEGER NOT NULL DEFAULT 3,
    locked_by        VARCHAR(255),
    locked_at        TIMESTAMPTZ,
    run_after        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    started_at       TIMESTAMPTZ,
    completed_at     TIMESTAMPTZ,
    error_message    TEXT,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT hls_transcode_queue_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT hls_transcode_queue_track_version_id_fkey FOREIGN KEY (track_version_id)
        REFERENCES public.track_versions (id) ON DELETE CASCADE,
    CONSTRAINT chk_hls_transcode_queue_attempt_count
        CHECK (attempt_count >= 0 AND attempt_count <= max_attempts),
    CONSTRAINT chk_hls_transcode_queue_completed_at
        CHECK (completed_at IS NOT NULL OR (status IN ('pending', 'processing'))),
    CONSTRAINT chk_hls_transcode_queue_max_attempts CHECK (max_attempts > 0),
    CONSTRAINT chk_hls_transcode_queue_priority CHECK (priority >= 1 AND priority <= 10)
);

CREATE INDEX idx_hls_transcode_queue_completed_at
    ON public.hls_transcode_queue (completed_at DESC) WHERE status = 'failed';
CREATE INDEX idx_hls_transcode_queue_priority_run_after
    ON public.hls_transcode_queue (priority DESC, run_after) WHERE status = 'pending';
CREATE INDEX idx_hls_transcode_queue_status_created_at
    ON public.hls_transcode_queue (status, created_at DESC);
CREATE INDEX idx_hls_transcode_queue_track_id
    ON public.hls_transcode_queue (track_id);
CREATE UNIQUE INDEX idx_hls_transcode_queue_track_id_track_version_id
    ON public.hls_transcode_queue (track_id, track_version_id) NULLS NOT DISTINCT WHERE status = 'pending';
CREATE INDEX idx_hls_transcode_queue_track_version_id
    ON public.hls_transcode_queue (track_version_id);

ALTER TABLE public.hls_transcode_queue SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.hls_transcode_queue IS 'Transcode jobs; workers take them with FOR UPDATE SKIP LOCKED';
COMMENT ON COLUMN public.hls_transcode_queue.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.hls_transcode_queue.track_id IS 'The track to transcode';
COMMENT ON COLUMN public.hls_transcode_queue.track_version_id IS 'From this version; NULL: from the first file';
COMMENT ON COLUMN public.hls_transcode_queue.priority IS '1 to 10, 10 first';
COMMENT ON COLUMN public.hls_transcode_queue.status IS 'pending: waits for a worker';
COMMENT ON COLUMN public.hls_transcode_queue.attempt_count IS 'Number of attempts so far';
COMMENT ON COLUMN public.hls_transcode_queue.max_attempts IS 'Number of attempts after which it is failed';
COMMENT ON COLUMN public.hls_transcode_queue.locked_by IS 'The worker that has it; NULL: none';
COMMENT ON COLUMN public.hls_transcode_queue.locked_at IS 'When that worker took it';
COMMENT ON COLUMN public.hls_transcode_queue.run_after IS 'Workers do not take it before this time';
COMMENT ON COLUMN public.hls_transcode_queue.started_at IS 'When the last attempt began';
COMMENT ON COLUMN public.hls_transcode_queue.completed_at IS 'When it completed, failed or was cancelled';
COMMENT ON COLUMN public.hls_transcode_queue.error_message IS 'Why the last attempt failed';
COMMENT ON COLUMN public.hls_transcode_queue.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.hls_transcode_queue.updated_at IS 'When the row was last updated, set by a trigger';

-- === bitrate_adaptation_logs ===

CREATE TABLE public.bitrate_adaptation_logs (
    id                UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id          UUID NOT NULL,
    user_id           UUID,
    session_id        UUID,
    old_bitrate       INTEGER NOT NULL,
    new_bitrate       INTEGER NOT NULL,
    reason            VARCHAR(50) NOT NULL,
    network_bandwidth INTEGER,
    buffer_level_ms   INTEGER,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT bitrate_adaptation_logs_session_id_fkey FOREIGN KEY (session_id)
        REFERENCES public.user_sessions (id) ON DELETE SET NULL,
    CONSTRAINT bitrate_adaptation_logs_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT bitrate_adaptation_logs_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_bitrate_adaptation_logs_buffer_level_ms CHECK (buffer_level_ms >= 0),
    CONSTRAINT chk_bitrate_adaptation_logs_network_bandwidth CHECK (network_bandwidth >= 0),
    CONSTRAINT chk_bitrate_adaptation_logs_new_bitrate CHECK (new_bitrate > 0),
    CONSTRAINT chk_bitrate_adaptation_logs_old_bitrate CHECK (old_bitrate > 0)
);

CREATE INDEX idx_bitrate_adaptation_logs_created_at
    ON public.bitrate_adaptation_logs (created_at DESC);
CREATE INDEX idx_bitrate_adaptation_logs_session_id_created_at
    ON public.bitrate_adaptation_logs (session_id, created_at DESC);
CREATE INDEX idx_bitrate_adaptation_logs_track_id_created_at
    ON public.bitrate_adaptation_logs (track_id, created_at DESC);
CREATE INDEX idx_bitrate_adaptation_logs_user_id_created_at
    ON public.bitrate_adaptation_logs (user_id, created_at DESC);

ALTER TABLE public.bitrate_adaptation_logs SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.bitrate_adaptation_logs IS 'Changes of bitrate while clients played streams';
COMMENT ON COLUMN public.bitrate_adaptation_logs.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.bitrate_adaptation_logs.track_id IS 'What was played';
COMMENT ON COLUMN public.bitrate_adaptation_logs.user_id IS 'Who listened; NULL: not signed in, or a permanently deleted account';
COMMENT ON COLUMN public.bitrate_adaptation_logs.session_id IS 'The client; NULL: not signed in, or a purged session';
COMMENT ON COLUMN public.bitrate_adaptation_logs.old_bitrate IS 'Before, in kbit/s';
COMMENT ON COLUMN public.bitrate_adaptation_logs.new_bitrate IS 'After, in kbit/s';
COMMENT ON COLUMN public.bitrate_adaptation_logs.reason IS 'Open vocabulary, such as bandwidth, buffer, user';
COMMENT ON COLUMN public.bitrate_adaptation_logs.network_bandwidth IS 'As the client measured it, in kbit/s';
COMMENT ON COLUMN public.bitrate_adaptation_logs.buffer_level_ms IS 'Music in the client''s buffer, in ms';
COMMENT ON COLUMN public.bitrate_adaptation_logs.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.bitrate_adaptation_logs.updated_at IS 'When the row was last updated, set by a trigger';
