-- 041_streaming_analytics.sql: part 5 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- === track_plays ===

CREATE TABLE public.track_plays (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id     UUID NOT NULL,
    user_id      UUID,
    started_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    duration_ms  INTEGER NOT NULL DEFAULT 0,
    is_complete  BOOLEAN NOT NULL DEFAULT false,
    source       VARCHAR(50),
    device       VARCHAR(50),
    ip_address   INET,
    country_code VARCHAR(2),
    created_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_plays_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT track_plays_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_track_plays_country_code
        CHECK ((country_code::text COLLATE "C") ~ '^[A-Z]{2}$'::text),
    CONSTRAINT chk_track_plays_duration_ms CHECK (duration_ms >= 0)
);

CREATE INDEX idx_track_plays_created_at
    ON public.track_plays (created_at DESC);
CREATE INDEX idx_track_plays_track_id_created_at
    ON public.track_plays (track_id, created_at DESC);
CREATE INDEX idx_track_plays_user_id_created_at
    ON public.track_plays (user_id, created_at DESC);

ALTER TABLE public.track_plays SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.track_plays IS 'Plays of tracks, one row for each play';
COMMENT ON COLUMN public.track_plays.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_plays.track_id IS 'What was played';
COMMENT ON COLUMN public.track_plays.user_id IS 'Who listened; NULL: not signed in, or a permanently deleted account';
COMMENT ON COLUMN public.track_plays.started_at IS 'When it began';
COMMENT ON COLUMN public.track_plays.duration_ms IS 'How much was heard, in ms';
COMMENT ON COLUMN public.track_plays.is_complete IS 'Whether it was heard to the end';
COMMENT ON COLUMN public.track_plays.source IS 'Where it was started from, open vocabulary, such as playlist, search, radio';
COMMENT ON COLUMN public.track_plays.device IS 'Kind of device, open vocabulary, such as phone, web, tv';
COMMENT ON COLUMN public.track_plays.ip_address IS 'The listener''s IP address';
COMMENT ON COLUMN public.track_plays.country_code IS 'ISO 3166-1 alpha-2, in capitals';
COMMENT ON COLUMN public.track_plays.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_plays.updated_at IS 'When the row was last updated, set by a trigger';

-- === track_likes ===

CREATE TABLE public.track_likes (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id   UUID NOT NULL,
    user_id    UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMPTZ,
    CONSTRAINT track_likes_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT track_likes_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX idx_track_likes_created_at
    ON public.track_likes (created_at DESC);
CREATE INDEX idx_track_likes_deleted_at
    ON public.track_likes (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_track_likes_track_id_created_at
    ON public.track_likes (track_id, created_at DESC);
CREATE UNIQUE INDEX idx_track_likes_track_id_user_id
    ON public.track_likes (track_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_track_likes_user_id_created_at
    ON public.track_likes (user_id, created_at DESC);

ALTER TABLE public.track_likes SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.track_likes IS 'Which user likes which track';
COMMENT ON COLUMN public.track_likes.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_likes.track_id IS 'What is liked';
COMMENT ON COLUMN public.track_likes.user_id IS 'Who likes it';
COMMENT ON COLUMN public.track_likes.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_likes.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.track_likes.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === track_shares ===

CREATE TABLE public.track_shares (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id     UUID NOT NULL,
    user_id      UUID NOT NULL,
    token_hash   VARCHAR(255) NOT NULL,
    permission   VARCHAR(20) NOT NULL DEFAULT 'stream',
    expires_at   TIMESTAMPTZ,
    access_count INTEGER NOT NULL DEFAULT 0,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at   TIMESTAMPTZ,
    CONSTRAINT track_shares_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT track_shares_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_track_shares_access_count CHECK (access_count >= 0),
    CONSTRAINT chk_track_shares_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT chk_track_shares_permission CHECK (permission::text IN ('stream', 'download'))
);

CREATE INDEX idx_track_shares_created_at
    ON public.track_shares (created_at DESC);
CREATE INDEX idx_track_shares_deleted_at
    ON public.track_shares (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX idx_track_shares_token_hash
    ON public.track_shares (token_hash) WHERE deleted_at IS NULL;
CREATE INDEX idx_track_shares_track_id_created_at
    ON public.track_shares (track_id, created_at DESC);
CREATE INDEX idx_track_shares_user_id_created_at
    ON public.track_shares (user_id, created_at DESC);

COMMENT ON TABLE public.track_shares IS 'Links through which tracks are heard without an account';
COMMENT ON COLUMN public.track_shares.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_shares.track_id IS 'What is shared';
COMMENT ON COLUMN public.track_shares.user_id IS 'Who shares it';
COMMENT ON COLUMN public.track_shares.token_hash IS 'Hash of the token: a secret';
COMMENT ON COLUMN public.track_shares.permission IS 'stream or download';
COMMENT ON COLUMN public.track_shares.expires_at IS 'When it ends; NULL: never';
COMMENT ON COLUMN public.track_shares.access_count IS 'Number of uses';
COMMENT ON COLUMN public.track_shares.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_shares.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.track_shares.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === track_comments ===

CREATE TABLE public.track_comments (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id    UUID NOT NULL,
    user_id     UUID NOT NULL,
    parent_id   UUID,
    content     TEXT NOT NULL,
    position_ms INTEGER,
    is_edited   BOOLEAN NOT NULL DEFAULT false,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at  TIMESTAMPTZ,
    CONSTRAINT track_comments_parent_id_fkey FOREIGN KEY (parent_id)
        REFERENCES public.track_comments (id) ON DELETE SET NULL,
    CONSTRAINT track_comments_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT track_comments_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_track_comments_content
        CHECK ((content COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_track_comments_content_length
        CHECK (length(content) >= 1 AND length(content) <= 5000),
    CONSTRAINT chk_track_comments_parent_id CHECK (parent_id <> id),
    CONSTRAINT chk_track_comments_position_ms CHECK (position_ms >= 0)
);

CREATE INDEX idx_track_comments_created_at
    ON public.track_comments (created_at DESC);
CREATE INDEX idx_track_comments_deleted_at
    ON public.track_comments (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_track_comments_parent_id_created_at
    ON public.track_comments (parent_id, created_at DESC);
CREATE INDEX idx_track_comments_track_id_created_at
    ON public.track_comments (track_id, created_at DESC);
CREATE INDEX idx_track_comments_user_id_created_at
    ON public.track_comments (user_id, created_at DESC);

ALTER TABLE public.track_comments SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.track_comments IS 'Comments of users on tracks, in threads';
COMMENT ON COLUMN public.track_comments.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_comments.track_id IS 'What is commented on';
COMMENT ON COLUMN public.track_comments.user_id IS 'Who wrote it';
COMMENT ON COLUMN public.track_comments.parent_id IS 'The comment it replies to; NULL: it begins a thread, or its parent was purged';
COMMENT ON COLUMN public.track_comments.content IS '1 to 5000 characters';
COMMENT ON COLUMN public.track_comments.position_ms IS 'Where in the track, in ms; NULL: the whole track';
COMMENT ON COLUMN public.track_comments.is_edited IS 'Whether the author changed it afterwards';
COMMENT ON COLUMN public.track_comments.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_comments.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.track_comments.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === track_history ===

CREATE TABLE public.track_history (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id   UUID NOT NULL,
    user_id    UUID,
    action     VARCHAR(50) NOT NULL,
    old_value  JSONB,
    new_value  JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_history_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT track_history_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_track_history_new_value CHECK (jsonb_typeof(new_value) = 'object'),
    CONSTRAINT chk_track_history_old_value CHECK (jsonb_typeof(old_value) = 'object')
);

CREATE INDEX idx_track_history_created_at
    ON public.track_history (created_at DESC);
CREATE INDEX idx_track_history_track_id_created_at
    ON public.track_history (track_id, created_at DESC);
CREATE INDEX idx_track_history_user_id_created_at
    ON public.track_history (user_id, created_at DESC);

ALTER TABLE public.track_history SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.track_history IS 'Changes of tracks, one row for each change';
COMMENT ON COLUMN public.track_history.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_history.track_id IS 'What was changed';
COMMENT ON COLUMN public.track_history.user_id IS 'Who did it; NULL: the platform, or a permanently deleted account';
COMMENT ON COLUMN public.track_history.action IS 'Open vocabulary, such as created, updated, published';
COMMENT ON COLUMN public.track_history.old_value IS 'The changed columns, before';
COMMENT ON COLUMN public.track_history.new_value IS 'The changed columns, after';
COMMENT ON COLUMN public.track_history.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_history.updated_at IS 'When the row was last updated, set by a trigger';

-- === playback_analytics ===

CREATE TABLE public.playback_analytics (
    id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id        UUID NOT NULL,
    user_id         UUID,
    session_id      UUID,
    started_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ended_at        TIMESTAMPTZ,
    play_time_ms    INTEGER NOT NULL DEFAULT 0,
    pause_count     INTEGER NOT NULL DEFAULT 0,
    seek_count      INTEGER NOT NULL DEFAULT 0,
    completion_rate NUMERIC(5, 2) NOT NULL DEFAULT 0,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT playback_analytics_session_id_fkey FOREIGN KEY (session_id)
        REFERENCES public.user_sessions (id) ON DELETE SET NULL,
    CONSTRAINT playback_analytics_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT playback_analytics_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_playback_analytics_completion_rate
        CHECK (completion_rate >= 0 AND completion_rate <= 100),
    CONSTRAINT chk_playback_analytics_ended_at CHECK (ended_at >= started_at),
    CONSTRAINT chk_playback_analytics_pause_count CHECK (pause_count >= 0),
    CONSTRAINT chk_playback_analytics_play_time_ms CHECK (play_time_ms >= 0),
    CONSTRAINT chk_playback_analytics_seek_count CHECK (seek_count >= 0)
);

CREATE INDEX idx_playback_analytics_created_at
    ON public.playback_analytics (created_at DESC);
CREATE INDEX idx_playback_analytics_session_id_created_at
    ON public.playback_analytics (session_id, created_at DESC);
CREATE INDEX idx_playback_analytics_track_id_created_at
    ON public.playback_analytics (track_id, created_at DESC);
CREATE INDEX idx_playback_analytics_user_id_created_at
    ON public.playback_analytics (user_id, created_at DESC);

ALTER TABLE public.playback_analytics SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.playback_analytics IS 'How playback went, one row for each play';
COMMENT ON COLUMN public.playback_analytics.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.playback_analytics.track_id IS 'What was played';
COMMENT ON COLUMN public.playback_analytics.user_id IS 'Who listened; NULL: not signed in, or a permanently deleted account';
COMMENT ON COLUMN public.playback_analytics.session_id IS 'The client; NULL: not signed in, or a purged session';
COMMENT ON COLUMN public.playback_analytics.started_at IS 'When it began';
COMMENT ON COLUMN public.playback_analytics.ended_at IS 'When it ended; NULL: it has not ended';
COMMENT ON COLUMN public.playback_analytics.play_time_ms IS 'Time played, in ms';
COMMENT ON COLUMN public.playback_analytics.pause_count IS 'Number of pauses';
COMMENT ON COLUMN public.playback_analytics.seek_count IS 'Number of jumps to another position';
COMMENT ON COLUMN public.playback_analytics.completion_rate IS 'Part heard, in percent';
COMMENT ON COLUMN public.playback_analytics.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.playback_analytics.updated_at IS 'When the row was last updated, set by a trigger';
