-- The lab schema, as the first audit found it: a UUID core, 17 tables still on bigint keys, defaults
-- written in two ways, foreign keys without rules, soft delete here and not there.

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

-- The core: keys are UUID.

CREATE TABLE users (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    username varchar(30) NOT NULL,
    slug varchar(255),
    password_hash varchar(255),
    role varchar DEFAULT 'user' NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    token_version integer DEFAULT 0 NOT NULL CHECK (token_version >= 0),
    last_login_at timestamp,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz
);
CREATE UNIQUE INDEX users_username_8a2f01c3_uniq ON users (username) WHERE deleted_at IS NULL;
CREATE TRIGGER set_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE federated_identities (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    provider varchar(50) NOT NULL,
    provider_user_id varchar(255) NOT NULL,
    email varchar(255),
    access_token text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE roles (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    name varchar(50) NOT NULL UNIQUE,
    description text,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE permissions (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    resource varchar(50) NOT NULL,
    action varchar(50) NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE user_roles (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    UNIQUE (user_id, role_id)
);
CREATE INDEX user_roles_user_id_f00dcafe ON user_roles (user_id);

CREATE TABLE role_permissions (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    role_id uuid NOT NULL REFERENCES roles (id) DEFERRABLE INITIALLY DEFERRED,
    permission_id uuid NOT NULL REFERENCES permissions (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    UNIQUE (role_id, permission_id)
);

CREATE TABLE user_profiles (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    display_name varchar(100),
    social_links json,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE user_settings (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    language char(2) DEFAULT 'en' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE tracks (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    title varchar(255) NOT NULL,
    slug varchar(255),
    artist varchar,
    genre varchar(100),
    file_path text NOT NULL,
    play_count bigint DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX tracks_genre_5d1e77aa ON tracks (genre);
CREATE INDEX tracks_user_id_0b9c3d21 ON tracks (user_id) WHERE deleted_at IS NULL;

CREATE TABLE playlists (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    title varchar(255) NOT NULL,
    slug varchar(255),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz
);

-- No deleted_at here, but in playlist_collaborators.
CREATE TABLE playlist_tracks (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    playlist_id uuid NOT NULL REFERENCES playlists (id),
    track_id uuid NOT NULL REFERENCES tracks (id),
    added_by_id uuid,
    position integer NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    UNIQUE (playlist_id, track_id)
);

-- Auth: keys are bigint from here on.

CREATE TABLE refresh_tokens (
    id bigserial PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    token varchar NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL
);
CREATE INDEX refresh_tokens_user_id_3c4b5a69 ON refresh_tokens (user_id);

CREATE TABLE password_reset_tokens (
    id bigserial PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    token varchar NOT NULL,
    expires_at timestamp NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL
);

CREATE TABLE email_verification_tokens (
    id bigserial PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    email varchar(255) NOT NULL,
    token varchar NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE user_sessions (
    id bigserial PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_token varchar(255) NOT NULL,
    last_activity_at timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TRIGGER update_user_sessions_updated_at BEFORE UPDATE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Streaming

CREATE TABLE bitrate_adaptation_logs (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid,
    session_id bigint REFERENCES user_sessions (id),
    old_bitrate integer NOT NULL,
    new_bitrate integer NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE hls_streams (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    playlist_url text,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE hls_transcode_queue (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    priority smallint DEFAULT 5 NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);
CREATE INDEX hls_transcode_queue_status_idx ON hls_transcode_queue (status);
CREATE INDEX hls_transcode_queue_status_created_idx ON hls_transcode_queue (status, created_at);

CREATE TABLE playback_analytics (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    session_id integer REFERENCES user_sessions (id),
    play_time_ms integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE track_comments (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE SET NULL,
    parent_id bigint REFERENCES track_comments (id),
    content text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz
);

CREATE TABLE track_history (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid,
    action varchar(50) NOT NULL,
    old_value json,
    new_value json,
    created_at timestamptz DEFAULT now() NOT NULL
);

CREATE TABLE track_likes (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz DEFAULT now() NOT NULL,
    UNIQUE (user_id, track_id)
);

CREATE TABLE track_plays (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid,
    duration_ms integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL
);
CREATE INDEX track_plays_track_id_77de10bc ON track_plays (track_id);

CREATE TABLE track_shares (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    user_id uuid NOT NULL,
    token varchar(255) NOT NULL UNIQUE,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz
);

CREATE TABLE track_versions (
    id bigserial PRIMARY KEY,
    track_id uuid NOT NULL REFERENCES tracks (id),
    version_number integer NOT NULL,
    file_path text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL
);

-- Social

CREATE TABLE playlist_collaborators (
    id bigserial PRIMARY KEY,
    playlist_id uuid NOT NULL REFERENCES playlists (id),
    user_id uuid NOT NULL REFERENCES users (id),
    permission varchar(20) DEFAULT 'read' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    UNIQUE (playlist_id, user_id)
);

CREATE TABLE playlist_follows (
    id bigserial PRIMARY KEY,
    playlist_id uuid NOT NULL REFERENCES playlists (id),
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz
);

-- Chat

CREATE TABLE rooms (
    id bigserial PRIMARY KEY,
    creator_id uuid,
    name varchar(100) NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);
