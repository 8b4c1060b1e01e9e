"""The function that keeps `updated_at`, and one trigger a table, written out one by one.

They cover V1. A later table brings its own trigger in its own migration.

And the triggers for rows that agree with each other: docs/adr/0002 says why no key does that.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.update_updated_at_column()
    IS 'Trigger function: sets updated_at to the time of the transaction';
"""

TRIGGERS = """
CREATE TRIGGER update_users_updated_at
    BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_federated_identities_updated_at
    BEFORE UPDATE ON public.federated_identities
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

CREATE TRIGGER update_user_sessions_updated_at
    BEFORE UPDATE ON public.user_sessions
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

CREATE TRIGGER update_track_comments_updated_at
    BEFORE UPDATE ON public.track_comments
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_track_history_updated_at
    BEFORE UPDATE ON public.track_history
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_playback_analytics_updated_at
    BEFORE UPDATE ON public.playback_analytics
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_hls_streams_updated_at
    BEFORE UPDATE ON public.hls_streams
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_hls_transcode_queue_updated_at
    BEFORE UPDATE ON public.hls_transcode_queue
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_bitrate_adaptation_logs_updated_at
    BEFORE UPDATE ON public.bitrate_adaptation_logs
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_rooms_updated_at
    BEFORE UPDATE ON public.rooms
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
"""

# They run with the privileges of the tables' owner, as a foreign key's own triggers do: who inserts a
# reply need not be allowed to read comments. PUBLIC may not put such a function on tables of its own.
AGREEMENT = """
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

COMMENT ON FUNCTION public.check_parent_track()
    IS 'Trigger function: refuses a reply whose parent is on another track';

REVOKE ALL ON FUNCTION public.check_parent_track() FROM PUBLIC;

CREATE TRIGGER chk_track_comments_parent_id_track
    AFTER INSERT OR UPDATE OF parent_id ON public.track_comments
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL)
    EXECUTE FUNCTION public.check_parent_track();

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

COMMENT ON FUNCTION public.check_version_track()
    IS 'Trigger function: refuses a stream or job whose version belongs to another track';

REVOKE ALL ON FUNCTION public.check_version_track() FROM PUBLIC;

CREATE TRIGGER chk_hls_streams_track_version_id_track
    AFTER INSERT OR UPDATE OF track_id, track_version_id ON public.hls_streams
    FOR EACH ROW WHEN (NEW.track_version_id IS NOT NULL)
    EXECUTE FUNCTION public.check_version_track();

CREATE TRIGGER chk_hls_transcode_queue_track_version_id_track
    AFTER INSERT OR UPDATE OF track_id, track_version_id ON public.hls_transcode_queue
    FOR EACH ROW WHEN (NEW.track_version_id IS NOT NULL)
    EXECUTE FUNCTION public.check_version_track();

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

COMMENT ON FUNCTION public.refuse_another_track()
    IS 'Trigger function: refuses a change of id or track_id, because other rows were checked with them';

CREATE TRIGGER chk_track_comments_track_id
    AFTER UPDATE OF id, track_id ON public.track_comments
    FOR EACH ROW WHEN ((OLD.id, OLD.track_id) IS DISTINCT FROM (NEW.id, NEW.track_id))
    EXECUTE FUNCTION public.refuse_another_track();

CREATE TRIGGER chk_track_versions_track_id
    AFTER UPDATE OF id, track_id ON public.track_versions
    FOR EACH ROW WHEN ((OLD.id, OLD.track_id) IS DISTINCT FROM (NEW.id, NEW.track_id))
    EXECUTE FUNCTION public.refuse_another_track();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("veza_core", "020_rbac_and_profiles"),
        ("veza_streaming", "041_streaming_analytics"),
        ("veza_media", "042_media_processing"),
        ("veza_legacy_chat", "050_legacy_chat"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION),
        # One statement at a time, so that what is left of the lock timeout is set before each.
        migrations.RunSQL(TRIGGERS.strip().split("\n\n")),
        migrations.RunSQL(AGREEMENT.strip().split("\n\n")),
    ]
