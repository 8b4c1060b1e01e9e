-- 900_triggers_and_functions.sql: part 8 of 8 of schema public, for PostgreSQL 15 and newer.
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

CREATE FUNCTION public.check_parent_track() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = ''
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.track_comments AS parent
        WHERE parent.id = NEW.parent_id AND parent.track_id <> NEW.track_id
    ) THEN
        RAISE check_violation USING
            MESSAGE = 'a reply must be on the same track as the comment that it answers',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION public.check_parent_track() IS 'Trigger function: refuses a reply whose parent is on another track';
REVOKE ALL ON FUNCTION public.check_parent_track() FROM PUBLIC;

CREATE FUNCTION public.check_version_track() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = ''
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.track_versions AS version
        WHERE version.id = NEW.track_version_id AND version.track_id <> NEW.track_id
    ) THEN
        RAISE check_violation USING
            MESSAGE = 'a stream or job must have the same track as its version',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION public.check_version_track() IS 'Trigger function: refuses a stream or job whose version belongs to another track';
REVOKE ALL ON FUNCTION public.check_version_track() FROM PUBLIC;

CREATE FUNCTION public.refuse_another_track() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    RAISE check_violation USING
        MESSAGE = format('the id and the track of a row of %I cannot change', TG_TABLE_NAME),
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END;
$$;
COMMENT ON FUNCTION public.refuse_another_track() IS 'Trigger function: refuses a change of id or track_id, because other rows were checked with them';

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION public.update_updated_at_column() IS 'Trigger function: sets updated_at to the time of the transaction';

CREATE TRIGGER update_users_updated_at
    BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_federated_identities_updated_at
    BEFORE UPDATE ON public.federated_identities
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_user_sessions_updated_at
    BEFORE UPDATE ON public.user_sessions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_refresh_tokens_updated_at
    BEFORE UPDATE ON public.refresh_tokens
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_password_reset_tokens_updated_at
    BEFORE UPDATE ON public.password_reset_tokens
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_email_verification_tokens_updated_at
    BEFORE UPDATE ON public.email_verification_tokens
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_roles_updated_at
    BEFORE UPDATE ON public.roles
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_permissions_updated_at
    BEFORE UPDATE ON public.permissions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_user_roles_updated_at
    BEFORE UPDATE ON public.user_roles
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_role_permissions_updated_at
    BEFORE UPDATE ON public.role_permissions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_user_profiles_updated_at
    BEFORE UPDATE ON public.user_profiles
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_user_settings_updated_at
    BEFORE UPDATE ON public.user_settings
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_tracks_updated_at
    BEFORE UPDATE ON public.tracks
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER chk_track_versions_track_id
    AFTER UPDATE OF id, track_id ON public.track_versions
    FOR EACH ROW WHEN (old.id IS DISTINCT FROM new.id OR old.track_id IS DISTINCT FROM new.track_id) EXECUTE FUNCTION public.refuse_another_track();

CREATE TRIGGER update_track_versions_updated_at
    BEFORE UPDATE ON public.track_versions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playlists_updated_at
    BEFORE UPDATE ON public.playlists
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playlist_tracks_updated_at
    BEFORE UPDATE ON public.playlist_tracks
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playlist_collaborators_updated_at
    BEFORE UPDATE ON public.playlist_collaborators
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playlist_follows_updated_at
    BEFORE UPDATE ON public.playlist_follows
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_track_plays_updated_at
    BEFORE UPDATE ON public.track_plays
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_track_likes_updated_at
    BEFORE UPDATE ON public.track_likes
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_track_shares_updated_at
    BEFORE UPDATE ON public.track_shares
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER chk_track_comments_parent_id_track
    AFTER INSERT OR UPDATE OF parent_id ON public.track_comments
    FOR EACH ROW WHEN (new.parent_id IS NOT NULL) EXECUTE FUNCTION public.check_parent_track();

CREATE TRIGGER chk_track_comments_track_id
    AFTER UPDATE OF id, track_id ON public.track_comments
    FOR EACH ROW WHEN (old.id IS DISTINCT FROM new.id OR old.track_id IS DISTINCT FROM new.track_id) EXECUTE FUNCTION public.refuse_another_track();

CREATE TRIGGER update_track_comments_updated_at
    BEFORE UPDATE ON public.track_comments
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_track_history_updated_at
    BEFORE UPDATE ON public.track_history
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playback_analytics_updated_at
    BEFORE UPDATE ON public.playback_analytics
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER chk_hls_streams_track_version_id_track
    AFTER INSERT OR UPDATE OF track_id, track_version_id ON public.hls_streams
    FOR EACH ROW WHEN (new.track_version_id IS NOT NULL) EXECUTE FUNCTION public.check_version_track();

CREATE TRIGGER update_hls_streams_updated_at
    BEFORE UPDATE ON public.hls_streams
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER chk_hls_transcode_queue_track_version_id_track
    AFTER INSERT OR UPDATE OF track_id, track_version_id ON public.hls_transcode_queue
    FOR EACH ROW WHEN (new.track_version_id IS NOT NULL) EXECUTE FUNCTION public.check_version_track();

CREATE TRIGGER update_hls_transcode_queue_updated_at
    BEFORE UPDATE ON public.hls_transcode_queue
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_bitrate_adaptation_logs_updated_at
    BEFORE UPDATE ON public.bitrate_adaptation_logs
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_rooms_updated_at
    BEFORE UPDATE ON public.rooms
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
