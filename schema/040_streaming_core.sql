-- 040_streaming_core.sql: part 4 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- === tracks ===

CREATE TABLE public.tracks (
    id                UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id           UUID NOT NULL,
    title             VARCHAR(255) NOT NULL,
    slug              VARCHAR(255),
    artist            VARCHAR(255),
    album             VARCHAR(255),
    genre             VARCHAR(100),
    release_year      SMALLINT,
    tags              VARCHAR(100)[] NOT NULL DEFAULT '{}'::character varying(100)[],
    duration_ms       INTEGER,
    file_path         TEXT NOT NULL,
    file_size         BIGINT,
    format            VARCHAR(20),
    bitrate           INTEGER,
    sample_rate       INTEGER,
    cover_art_path    TEXT,
    waveform_path     TEXT,
    status            public.track_status NOT NULL DEFAULT 'uploading',
    is_public         BOOLEAN NOT NULL DEFAULT true,
    published_at      TIMESTAMPTZ,
    play_count        BIGINT NOT NULL DEFAULT 0,
    like_count        BIGINT NOT NULL DEFAULT 0,
    comment_count     BIGINT NOT NULL DEFAULT 0,
    weekly_play_count INTEGER NOT NULL DEFAULT 0,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at        TIMESTAMPTZ,
    CONSTRAINT tracks_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_tracks_album
        CHECK ((album::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_tracks_artist
        CHECK ((artist::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_tracks_bitrate CHECK (bitrate > 0),
    CONSTRAINT chk_tracks_comment_count CHECK (comment_count >= 0),
    CONSTRAINT chk_tracks_duration_ms CHECK (duration_ms >= 0),
    CONSTRAINT chk_tracks_file_size CHECK (file_size >= 0),
    CONSTRAINT chk_tracks_genre
        CHECK ((genre::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_tracks_like_count CHECK (like_count >= 0),
    CONSTRAINT chk_tracks_play_count CHECK (play_count >= 0),
    CONSTRAINT chk_tracks_published_at
        CHECK (published_at >= '0001-01-01 00:00:00+00' AND published_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT chk_tracks_sample_rate CHECK (sample_rate > 0),
    CONSTRAINT chk_tracks_slug CHECK ((slug::text COLLATE "C") ~ '^[a-z0-9][a-z0-9._-]*$'::text),
    CONSTRAINT chk_tracks_tags
        CHECK (cardinality(tags) = 0 OR array_ndims(tags) = 1 AND array_lower(tags, 1) = 1 AND array_position(tags, NULL::character varying) IS NULL AND cardinality(tags) <= 50 AND array_position(tags, ''::character varying) IS NULL),
    CONSTRAINT chk_tracks_title
        CHECK ((title::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_tracks_weekly_play_count CHECK (weekly_play_count >= 0)
);

CREATE INDEX idx_tracks_artist_trgm
    ON public.tracks USING gin (upper(artist) public.gin_trgm_ops);
CREATE INDEX idx_tracks_artist_upper
    ON public.tracks (upper(artist));
CREATE INDEX idx_tracks_created_at
    ON public.tracks (created_at DESC);
CREATE INDEX idx_tracks_deleted_at
    ON public.tracks (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_tracks_genre_created_at
    ON public.tracks (genre, created_at DESC);
CREATE UNIQUE INDEX idx_tracks_slug
    ON public.tracks (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_tracks_status_created_at
    ON public.tracks (status, created_at DESC) WHERE NOT status = 'ready';
CREATE INDEX idx_tracks_title_trgm
    ON public.tracks USING gin (upper(title) public.gin_trgm_ops);
CREATE INDEX idx_tracks_title_word1
    ON public.tracks (upper(title) text_pattern_ops);
CREATE INDEX idx_tracks_title_word2
    ON public.tracks (upper(substring(title::text, '^(?:\S+\s+){1}(.+)$'::text)) text_pattern_ops);
CREATE INDEX idx_tracks_title_word3
    ON public.tracks (upper(substring(title::text, '^(?:\S+\s+){2}(.+)$'::text)) text_pattern_ops);
CREATE INDEX idx_tracks_title_word4
    ON public.tracks (upper(substring(title::text, '^(?:\S+\s+){3}(.+)$'::text)) text_pattern_ops);
CREATE INDEX idx_tracks_user_id_created_at
    ON public.tracks (user_id, created_at DESC);
CREATE INDEX idx_tracks_weekly_play_count
    ON public.tracks (weekly_play_count DESC) WHERE weekly_play_count > 0;

ALTER TABLE public.tracks SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02', fillfactor = '95');

COMMENT ON TABLE public.tracks IS 'Pieces of music that users uploaded';
COMMENT ON COLUMN public.tracks.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.tracks.user_id IS 'Who uploaded it';
COMMENT ON COLUMN public.tracks.title IS 'Title, as shown';
COMMENT ON COLUMN public.tracks.slug IS 'Name in URLs; unique among live rows';
COMMENT ON COLUMN public.tracks.artist IS 'As shown';
COMMENT ON COLUMN public.tracks.album IS 'As shown';
COMMENT ON COLUMN public.tracks.genre IS 'One genre, open vocabulary, such as house, jazz';
COMMENT ON COLUMN public.tracks.release_year IS 'Year of first release (Gregorian)';
COMMENT ON COLUMN public.tracks.tags IS 'Labels that the uploader chose, 50 at most';
COMMENT ON COLUMN public.tracks.duration_ms IS 'Length in milliseconds; NULL: not yet known';
COMMENT ON COLUMN public.tracks.file_path IS 'The original file, in object storage';
COMMENT ON COLUMN public.tracks.file_size IS 'Size of the original file in bytes';
COMMENT ON COLUMN public.tracks.format IS 'Container or codec, open vocabulary, such as flac, mp3';
COMMENT ON COLUMN public.tracks.bitrate IS 'Of the original file, in kbit/s';
COMMENT ON COLUMN public.tracks.sample_rate IS 'Of the original file, in Hz';
COMMENT ON COLUMN public.tracks.cover_art_path IS 'Picture, in object storage';
COMMENT ON COLUMN public.tracks.waveform_path IS 'Waveform data, in object storage';
COMMENT ON COLUMN public.tracks.status IS 'Processing state';
COMMENT ON COLUMN public.tracks.is_public IS 'Whether others may find it';
COMMENT ON COLUMN public.tracks.published_at IS 'When it was published; NULL: not published';
COMMENT ON COLUMN public.tracks.play_count IS 'Plays, counted by the services';
COMMENT ON COLUMN public.tracks.like_count IS 'Likes, counted by the services';
COMMENT ON COLUMN public.tracks.comment_count IS 'Comments, counted by the services';
COMMENT ON COLUMN public.tracks.weekly_play_count IS 'Plays of the last 7 days, as manage.py count_weekly_plays last counted them; 0: not among the most played';
COMMENT ON COLUMN public.tracks.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.tracks.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.tracks.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === track_versions ===

CREATE TABLE public.track_versions (
    id             UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id       UUID NOT NULL,
    created_by_id  UUID,
    version_number INTEGER NOT NULL,
    file_path      TEXT NOT NULL,
    file_size      BIGINT,
    changelog      TEXT,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at     TIMESTAMPTZ,
    CONSTRAINT track_versions_created_by_id_fkey FOREIGN KEY (created_by_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT track_versions_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT chk_track_versions_file_size CHECK (file_size >= 0),
    CONSTRAINT chk_track_versions_version_number CHECK (version_number > 0)
);

CREATE INDEX idx_track_versions_created_at
    ON public.track_versions (created_at DESC);
CREATE INDEX idx_track_versions_created_by_id_created_at
    ON public.track_versions (created_by_id, created_at DESC);
CREATE INDEX idx_track_versions_deleted_at
    ON public.track_versions (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_track_versions_track_id_created_at
    ON public.track_versions (track_id, created_at DESC);
CREATE UNIQUE INDEX idx_track_versions_track_id_version_number
    ON public.track_versions (track_id, version_number) WHERE deleted_at IS NULL;

COMMENT ON TABLE public.track_versions IS 'Files that replaced, or will replace, a track''s first one';
COMMENT ON COLUMN public.track_versions.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.track_versions.track_id IS 'The track it is a version of';
COMMENT ON COLUMN public.track_versions.created_by_id IS 'Who uploaded it; NULL: a permanently deleted account';
COMMENT ON COLUMN public.track_versions.version_number IS '1, 2, 3, … within the track';
COMMENT ON COLUMN public.track_versions.file_path IS 'The file, in object storage';
COMMENT ON COLUMN public.track_versions.file_size IS 'Size in bytes';
COMMENT ON COLUMN public.track_versions.changelog IS 'Description of the changes';
COMMENT ON COLUMN public.track_versions.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.track_versions.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.track_versions.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === playlists ===

CREATE TABLE public.playlists (
    id             UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        UUID NOT NULL,
    title          VARCHAR(255) NOT NULL,
    slug           VARCHAR(255),
    description    TEXT,
    cover_url      TEXT,
    is_public      BOOLEAN NOT NULL DEFAULT true,
    track_count    INTEGER NOT NULL DEFAULT 0,
    follower_count INTEGER NOT NULL DEFAULT 0,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at     TIMESTAMPTZ,
    CONSTRAINT playlists_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_playlists_follower_count CHECK (follower_count >= 0),
    CONSTRAINT chk_playlists_slug CHECK ((slug::text COLLATE "C") ~ '^[a-z0-9][a-z0-9._-]*$'::text),
    CONSTRAINT chk_playlists_title
        CHECK ((title::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_playlists_track_count CHECK (track_count >= 0)
);

CREATE INDEX idx_playlists_created_at
    ON public.playlists (created_at DESC);
CREATE INDEX idx_playlists_deleted_at
    ON public.playlists (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX idx_playlists_slug
    ON public.playlists (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_playlists_title_trgm
    ON public.playlists USING gin (upper(title) public.gin_trgm_ops);
CREATE INDEX idx_playlists_title_upper
    ON public.playlists (upper(title));
CREATE INDEX idx_playlists_user_id_created_at
    ON public.playlists (user_id, created_at DESC);

ALTER TABLE public.playlists SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.playlists IS 'Lists of tracks that users created';
COMMENT ON COLUMN public.playlists.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.playlists.user_id IS 'Who owns it';
COMMENT ON COLUMN public.playlists.title IS 'Title, as shown';
COMMENT ON COLUMN public.playlists.slug IS 'Name in URLs; unique among live rows';
COMMENT ON COLUMN public.playlists.description IS 'In the owner''s words';
COMMENT ON COLUMN public.playlists.cover_url IS 'Picture';
COMMENT ON COLUMN public.playlists.is_public IS 'Whether others may find it';
COMMENT ON COLUMN public.playlists.track_count IS 'Tracks, counted by the services';
COMMENT ON COLUMN public.playlists.follower_count IS 'Followers, counted by the services';
COMMENT ON COLUMN public.playlists.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.playlists.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.playlists.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === playlist_tracks ===

CREATE TABLE public.playlist_tracks (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    playlist_id UUID NOT NULL,
    track_id    UUID NOT NULL,
    added_by_id UUID,
    position    INTEGER NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at  TIMESTAMPTZ,
    CONSTRAINT playlist_tracks_added_by_id_fkey FOREIGN KEY (added_by_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT playlist_tracks_playlist_id_fkey FOREIGN KEY (playlist_id)
        REFERENCES public.playlists (id) ON DELETE CASCADE,
    CONSTRAINT playlist_tracks_track_id_fkey FOREIGN KEY (track_id)
        REFERENCES public.tracks (id) ON DELETE CASCADE,
    CONSTRAINT chk_playlist_tracks_position CHECK (position >= 0)
);

CREATE INDEX idx_playlist_tracks_added_by_id_created_at
    ON public.playlist_tracks (added_by_id, created_at DESC);
CREATE INDEX idx_playlist_tracks_created_at
    ON public.playlist_tracks (created_at DESC);
CREATE INDEX idx_playlist_tracks_deleted_at
    ON public.playlist_tracks (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_playlist_tracks_playlist_id_position
    ON public.playlist_tracks (playlist_id, position);
CREATE INDEX idx_playlist_tracks_track_id_created_at
    ON public.playlist_tracks (track_id, created_at DESC);
CREATE UNIQUE INDEX idx_playlist_tracks_track_id_playlist_id
    ON public.playlist_tracks (track_id, playlist_id) WHERE deleted_at IS NULL;

ALTER TABLE public.playlist_tracks SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.playlist_tracks IS 'Which track is in which playlist, and at which position';
COMMENT ON COLUMN public.playlist_tracks.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.playlist_tracks.playlist_id IS 'The playlist it is in';
COMMENT ON COLUMN public.playlist_tracks.track_id IS 'The track that is in it';
COMMENT ON COLUMN public.playlist_tracks.added_by_id IS 'Who added it; NULL: a permanently deleted account';
COMMENT ON COLUMN public.playlist_tracks.position IS 'Order within the playlist, from 0';
COMMENT ON COLUMN public.playlist_tracks.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.playlist_tracks.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.playlist_tracks.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === playlist_collaborators ===

CREATE TABLE public.playlist_collaborators (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    playlist_id   UUID NOT NULL,
    user_id       UUID NOT NULL,
    invited_by_id UUID,
    permission    public.playlist_permission NOT NULL DEFAULT 'read',
    accepted_at   TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at    TIMESTAMPTZ,
    CONSTRAINT playlist_collaborators_invited_by_id_fkey FOREIGN KEY (invited_by_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT playlist_collaborators_playlist_id_fkey FOREIGN KEY (playlist_id)
        REFERENCES public.playlists (id) ON DELETE CASCADE,
    CONSTRAINT playlist_collaborators_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX idx_playlist_collaborators_deleted_at
    ON public.playlist_collaborators (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_playlist_collaborators_invited_by_id
    ON public.playlist_collaborators (invited_by_id);
CREATE INDEX idx_playlist_collaborators_playlist_id
    ON public.playlist_collaborators (playlist_id);
CREATE UNIQUE INDEX idx_playlist_collaborators_playlist_id_user_id
    ON public.playlist_collaborators (playlist_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_playlist_collaborators_user_id_created_at
    ON public.playlist_collaborators (user_id, created_at DESC);

COMMENT ON TABLE public.playlist_collaborators IS 'Who may see or change somebody else''s playlist';
COMMENT ON COLUMN public.playlist_collaborators.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.playlist_collaborators.playlist_id IS 'The playlist that is shared';
COMMENT ON COLUMN public.playlist_collaborators.user_id IS 'Who it is shared with';
COMMENT ON COLUMN public.playlist_collaborators.invited_by_id IS 'Who invited; NULL: a permanently deleted account';
COMMENT ON COLUMN public.playlist_collaborators.permission IS 'What the collaborator may do';
COMMENT ON COLUMN public.playlist_collaborators.accepted_at IS 'When the invitation was accepted; NULL: not yet';
COMMENT ON COLUMN public.playlist_collaborators.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.playlist_collaborators.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.playlist_collaborators.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === playlist_follows ===

CREATE TABLE public.playlist_follows (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    playlist_id UUID NOT NULL,
    user_id     UUID NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at  TIMESTAMPTZ,
    CONSTRAINT playlist_follows_playlist_id_fkey FOREIGN KEY (playlist_id)
        REFERENCES public.playlists (id) ON DELETE CASCADE,
    CONSTRAINT playlist_follows_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX idx_playlist_follows_deleted_at
    ON public.playlist_follows (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_playlist_follows_playlist_id_created_at
    ON public.playlist_follows (playlist_id, created_at DESC);
CREATE INDEX idx_playlist_follows_user_id_created_at
    ON public.playlist_follows (user_id, created_at DESC);
CREATE UNIQUE INDEX idx_playlist_follows_user_id_playlist_id
    ON public.playlist_follows (user_id, playlist_id) WHERE deleted_at IS NULL;

ALTER TABLE public.playlist_follows SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.playlist_follows IS 'Which user follows which playlist';
COMMENT ON COLUMN public.playlist_follows.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.playlist_follows.playlist_id IS 'The playlist that is followed';
COMMENT ON COLUMN public.playlist_follows.user_id IS 'Who follows it';
COMMENT ON COLUMN public.playlist_follows.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.playlist_follows.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.playlist_follows.deleted_at IS 'When the row was soft deleted; NULL: it is live';
