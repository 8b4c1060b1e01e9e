-- The lab schema as the audit found it, for the tables of the queries: keys are bigint, foreign keys
-- have neither an index nor a rule, no index is partial, and most tables have no trigger. Columns
-- are V1's, so that the queries can be the same.

CREATE TABLE users (
    id bigserial PRIMARY KEY, email varchar(255) NOT NULL UNIQUE,
    username varchar(30) NOT NULL UNIQUE, slug varchar(255) UNIQUE, password_hash varchar(255),
    role varchar NOT NULL DEFAULT 'user', is_active boolean NOT NULL DEFAULT true,
    is_verified boolean NOT NULL DEFAULT false, is_banned boolean NOT NULL DEFAULT false,
    token_version integer NOT NULL DEFAULT 0, failed_login_count integer NOT NULL DEFAULT 0,
    locked_until timestamptz, last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);

CREATE TABLE user_sessions (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id),
    token_hash varchar(255) NOT NULL UNIQUE, device_info varchar(255), ip_address inet,
    user_agent text, last_activity_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL, revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE refresh_tokens (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id),
    session_id bigint REFERENCES user_sessions (id),
    token_hash varchar(255) NOT NULL UNIQUE, expires_at timestamptz NOT NULL,
    revoked_at timestamptz, ip_address inet, user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE roles (
    id bigserial PRIMARY KEY, name varchar(50) NOT NULL UNIQUE, display_name varchar(100) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE permissions (
    id bigserial PRIMARY KEY, name varchar(100) NOT NULL UNIQUE, resource varchar(50) NOT NULL,
    action varchar(50) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE user_roles (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id),
    role_id bigint NOT NULL REFERENCES roles (id), expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, role_id));

CREATE TABLE role_permissions (
    id bigserial PRIMARY KEY, role_id bigint NOT NULL REFERENCES roles (id),
    permission_id bigint NOT NULL REFERENCES permissions (id),
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (role_id, permission_id));

CREATE TABLE tracks (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id),
    title varchar(255) NOT NULL, slug varchar(255) UNIQUE, artist varchar(255),
    album varchar(255), genre varchar(100), release_year smallint,
    tags text[] NOT NULL DEFAULT '{}', duration_ms integer, file_path text NOT NULL,
    file_size bigint, format varchar(20), bitrate integer, sample_rate integer,
    cover_art_path text, waveform_path text, status varchar(20) NOT NULL DEFAULT 'uploading',
    is_public boolean NOT NULL DEFAULT true, published_at timestamptz,
    play_count bigint NOT NULL DEFAULT 0, like_count bigint NOT NULL DEFAULT 0,
    comment_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);
CREATE INDEX tracks_genre_5d1e77aa ON tracks (genre);

CREATE TABLE playlists (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id),
    title varchar(255) NOT NULL, slug varchar(255) UNIQUE, description text, cover_url text,
    is_public boolean NOT NULL DEFAULT true, track_count integer NOT NULL DEFAULT 0,
    follower_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);

CREATE TABLE playlist_tracks (
    id bigserial PRIMARY KEY, playlist_id bigint NOT NULL REFERENCES playlists (id),
    track_id bigint NOT NULL REFERENCES tracks (id), added_by_id bigint REFERENCES users (id),
    position integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz, UNIQUE (playlist_id, track_id));

CREATE TABLE playlist_collaborators (
    id bigserial PRIMARY KEY, playlist_id bigint NOT NULL REFERENCES playlists (id),
    user_id bigint NOT NULL REFERENCES users (id), invited_by_id bigint REFERENCES users (id),
    permission varchar(20) NOT NULL DEFAULT 'read', accepted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz, UNIQUE (playlist_id, user_id));

CREATE TABLE playlist_follows (
    id bigserial PRIMARY KEY, playlist_id bigint NOT NULL REFERENCES playlists (id),
    user_id bigint NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);

CREATE TABLE track_plays (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    user_id bigint REFERENCES users (id), started_at timestamptz NOT NULL DEFAULT now(),
    duration_ms integer NOT NULL DEFAULT 0, is_complete boolean NOT NULL DEFAULT false,
    source varchar(50), device varchar(50), ip_address inet, country_code varchar(2),
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE track_likes (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    user_id bigint NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz, UNIQUE (user_id, track_id));

CREATE TABLE track_shares (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    user_id bigint NOT NULL REFERENCES users (id), token_hash varchar(255) NOT NULL UNIQUE,
    permission varchar(20) NOT NULL DEFAULT 'stream', expires_at timestamptz,
    access_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);

CREATE TABLE track_comments (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    user_id bigint NOT NULL REFERENCES users (id), parent_id bigint REFERENCES track_comments (id),
    content text NOT NULL, position_ms integer, is_edited boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz);

CREATE TABLE hls_streams (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id), playlist_url text,
    segment_count integer NOT NULL DEFAULT 0, segment_duration_ms integer,
    bitrates integer[] NOT NULL DEFAULT '{}', status varchar(20) NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE hls_transcode_queue (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    priority smallint NOT NULL DEFAULT 5, status varchar(20) NOT NULL DEFAULT 'pending',
    attempt_count integer NOT NULL DEFAULT 0, max_attempts integer NOT NULL DEFAULT 3,
    locked_by varchar(255), locked_at timestamptz, run_after timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz, completed_at timestamptz, error_message text,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX hls_transcode_queue_status_idx ON hls_transcode_queue (status);
CREATE INDEX hls_transcode_queue_status_created_idx ON hls_transcode_queue (status, created_at);

CREATE TABLE bitrate_adaptation_logs (
    id bigserial PRIMARY KEY, track_id bigint NOT NULL REFERENCES tracks (id),
    user_id bigint REFERENCES users (id), session_id bigint REFERENCES user_sessions (id),
    old_bitrate integer NOT NULL, new_bitrate integer NOT NULL, reason varchar(50) NOT NULL,
    network_bandwidth integer, buffer_level_ms integer,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
