-- Roles for the services, with the least privileges that schema/queries/*.sql need. This is an
-- example: rename the roles, and give each a password (\password veza_api in psql). When the schema
-- exists, run it as the role that owns the tables, which needs CREATEROLE. Run it again after each
-- change of the schema:
--   psql -v ON_ERROR_STOP=1 --single-transaction -f schema/grants.example.sql "$DATABASE_URL"
-- No role gets DELETE: rows are soft deleted or revoked, and manage.py purge deletes them.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['veza_api', 'veza_stream', 'veza_chat', 'veza_analytics'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO veza_api, veza_stream, veza_chat, veza_analytics;

-- The API. Only this role can read secrets: password hashes, token hashes and OAuth tokens.
GRANT SELECT, INSERT, UPDATE ON public.federated_identities, public.refresh_tokens,
    public.password_reset_tokens, public.email_verification_tokens, public.user_sessions,
    public.user_profiles, public.user_settings, public.track_versions, public.playlists,
    public.playlist_tracks, public.playlist_collaborators, public.playlist_follows,
    public.track_likes, public.track_shares, public.track_comments TO veza_api;
GRANT SELECT, INSERT ON public.track_history TO veza_api;
GRANT SELECT ON public.users, public.tracks, public.roles, public.permissions, public.user_roles,
    public.role_permissions, public.track_plays, public.hls_streams, public.hls_transcode_queue
    TO veza_api;
-- Not role and is_banned, which staff change. Add UPDATE (role) if the API sells subscriptions.
GRANT INSERT (id, email, username, slug, password_hash),
    UPDATE (email, username, slug, password_hash, is_verified, token_version, failed_login_count,
            locked_until, last_login_at, deleted_at)
    ON public.users TO veza_api;
-- Not the counters of plays.
GRANT INSERT (id, user_id, title, slug, artist, album, genre, release_year, tags, file_path,
            is_public),
    UPDATE (title, slug, artist, album, genre, release_year, tags, file_path, is_public, status,
            published_at, like_count, comment_count, deleted_at)
    ON public.tracks TO veza_api;
GRANT INSERT (id, track_id, track_version_id, priority, max_attempts)
    ON public.hls_transcode_queue TO veza_api;

-- The stream server and its workers.
GRANT SELECT (id, role, is_active, is_banned, token_version, deleted_at)
    ON public.users TO veza_stream;
GRANT SELECT ON public.tracks, public.track_versions TO veza_stream;
GRANT UPDATE (duration_ms, file_size, format, bitrate, sample_rate, cover_art_path, waveform_path,
              play_count, status, published_at)
    ON public.tracks TO veza_stream;
GRANT SELECT, INSERT, UPDATE ON public.hls_streams TO veza_stream;
GRANT SELECT, UPDATE (status, attempt_count, locked_by, locked_at, run_after, started_at,
                      completed_at, error_message)
    ON public.hls_transcode_queue TO veza_stream;
GRANT INSERT ON public.track_plays, public.playback_analytics TO veza_stream;
GRANT SELECT, INSERT ON public.bitrate_adaptation_logs TO veza_stream;

-- The chat server: the rooms of old clients, and the names of users.
GRANT SELECT (id, username, role, is_active, is_banned, token_version, deleted_at)
    ON public.users TO veza_chat;
GRANT SELECT (user_id, display_name, avatar_url, is_public) ON public.user_profiles TO veza_chat;
GRANT SELECT, INSERT, UPDATE ON public.rooms TO veza_chat;

-- Analytics: reads plays and so on, without secrets, e-mails, addresses and users' texts.
GRANT SELECT (id, role, is_active, is_verified, is_banned, created_at, deleted_at)
    ON public.users TO veza_analytics;
GRANT SELECT ON public.tracks, public.playlists, public.playlist_tracks, public.playlist_follows,
    public.track_likes, public.playback_analytics, public.hls_streams,
    public.bitrate_adaptation_logs TO veza_analytics;
GRANT SELECT (id, track_id, user_id, started_at, duration_ms, is_complete, source, device,
              country_code, created_at)
    ON public.track_plays TO veza_analytics;

-- The API gets each table of a later migration, until this file names it.
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN
        SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT EXISTS (
            SELECT FROM aclexplode(relacl) WHERE grantee <> relowner AND grantee <> 0
        )
        AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attacl IS NOT NULL
        )
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO veza_api', name);
    END LOOP;
END
$$;
