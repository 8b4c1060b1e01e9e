-- 020_rbac_and_profiles.sql: part 3 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- === roles ===

CREATE TABLE public.roles (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name         VARCHAR(50) NOT NULL,
    display_name VARCHAR(100) NOT NULL,
    description  TEXT,
    is_system    BOOLEAN NOT NULL DEFAULT false,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_roles_name UNIQUE (name),
    CONSTRAINT chk_roles_display_name
        CHECK ((display_name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_roles_name
        CHECK ((name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text)
);

COMMENT ON TABLE public.roles IS 'Named sets of permissions that users have';
COMMENT ON COLUMN public.roles.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.roles.name IS 'Name in code, such as moderator';
COMMENT ON COLUMN public.roles.display_name IS 'Name that people see';
COMMENT ON COLUMN public.roles.description IS 'What users with this role do';
COMMENT ON COLUMN public.roles.is_system IS 'True: part of the platform, must not be removed';
COMMENT ON COLUMN public.roles.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.roles.updated_at IS 'When the row was last updated, set by a trigger';

-- === permissions ===

CREATE TABLE public.permissions (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name        VARCHAR(100) NOT NULL,
    resource    VARCHAR(50) NOT NULL,
    action      VARCHAR(50) NOT NULL,
    description TEXT,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_permissions_name UNIQUE (name),
    CONSTRAINT idx_permissions_resource_action UNIQUE (resource, action),
    CONSTRAINT chk_permissions_action
        CHECK ((action::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_permissions_name
        CHECK ((name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_permissions_resource
        CHECK ((resource::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text)
);

COMMENT ON TABLE public.permissions IS 'Permissions to take an action on a resource';
COMMENT ON COLUMN public.permissions.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.permissions.name IS 'Name in code: <resource>.<action>';
COMMENT ON COLUMN public.permissions.resource IS 'A table, or a part of the platform';
COMMENT ON COLUMN public.permissions.action IS 'read, create, update, delete, access';
COMMENT ON COLUMN public.permissions.description IS 'What it allows';
COMMENT ON COLUMN public.permissions.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.permissions.updated_at IS 'When the row was last updated, set by a trigger';

-- === user_roles ===

CREATE TABLE public.user_roles (
    id             UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        UUID NOT NULL,
    role_id        UUID NOT NULL,
    assigned_by_id UUID,
    expires_at     TIMESTAMPTZ,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_user_roles_user_id_role_id UNIQUE (user_id, role_id),
    CONSTRAINT user_roles_assigned_by_id_fkey FOREIGN KEY (assigned_by_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id)
        REFERENCES public.roles (id) ON DELETE CASCADE,
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_user_roles_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_user_roles_assigned_by_id
    ON public.user_roles (assigned_by_id);
CREATE INDEX idx_user_roles_role_id_created_at
    ON public.user_roles (role_id, created_at DESC);

COMMENT ON TABLE public.user_roles IS 'Which user has which role';
COMMENT ON COLUMN public.user_roles.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.user_roles.user_id IS 'Who has the role';
COMMENT ON COLUMN public.user_roles.role_id IS 'The role that the user has';
COMMENT ON COLUMN public.user_roles.assigned_by_id IS 'Who granted it; NULL: the platform, or a permanently deleted account';
COMMENT ON COLUMN public.user_roles.expires_at IS 'When it ends; NULL: never';
COMMENT ON COLUMN public.user_roles.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.user_roles.updated_at IS 'When the row was last updated, set by a trigger';

-- === role_permissions ===

CREATE TABLE public.role_permissions (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    role_id       UUID NOT NULL,
    permission_id UUID NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_role_permissions_role_id_permission_id UNIQUE (role_id, permission_id),
    CONSTRAINT role_permissions_permission_id_fkey FOREIGN KEY (permission_id)
        REFERENCES public.permissions (id) ON DELETE CASCADE,
    CONSTRAINT role_permissions_role_id_fkey FOREIGN KEY (role_id)
        REFERENCES public.roles (id) ON DELETE CASCADE
);

CREATE INDEX idx_role_permissions_permission_id
    ON public.role_permissions (permission_id);

COMMENT ON TABLE public.role_permissions IS 'Which role gives which permission';
COMMENT ON COLUMN public.role_permissions.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.role_permissions.role_id IS 'The role that gives it';
COMMENT ON COLUMN public.role_permissions.permission_id IS 'The permission that it gives';
COMMENT ON COLUMN public.role_permissions.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.role_permissions.updated_at IS 'When the row was last updated, set by a trigger';

-- === user_profiles ===

CREATE TABLE public.user_profiles (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      UUID NOT NULL,
    display_name VARCHAR(100),
    first_name   VARCHAR(100),
    last_name    VARCHAR(100),
    bio          TEXT,
    avatar_url   TEXT,
    banner_url   TEXT,
    location     VARCHAR(100),
    website_url  TEXT,
    birthdate    DATE,
    gender       VARCHAR(20),
    social_links JSONB NOT NULL DEFAULT '{}',
    is_public    BOOLEAN NOT NULL DEFAULT true,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_user_profiles_user_id UNIQUE (user_id),
    CONSTRAINT user_profiles_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_user_profiles_birthdate
        CHECK (birthdate >= '0001-01-01' AND birthdate <= '9999-12-31'),
    CONSTRAINT chk_user_profiles_display_name
        CHECK ((display_name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_user_profiles_first_name
        CHECK ((first_name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_user_profiles_last_name
        CHECK ((last_name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_user_profiles_social_links CHECK (jsonb_typeof(social_links) = 'object')
);

ALTER TABLE public.user_profiles SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.user_profiles IS 'What users show to others, at most one row for each user';
COMMENT ON COLUMN public.user_profiles.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.user_profiles.user_id IS 'Whose profile it is';
COMMENT ON COLUMN public.user_profiles.display_name IS 'Shown in place of the username';
COMMENT ON COLUMN public.user_profiles.first_name IS 'Given name';
COMMENT ON COLUMN public.user_profiles.last_name IS 'Family name';
COMMENT ON COLUMN public.user_profiles.bio IS 'About the user, in their words';
COMMENT ON COLUMN public.user_profiles.avatar_url IS 'Picture';
COMMENT ON COLUMN public.user_profiles.banner_url IS 'Picture above the profile';
COMMENT ON COLUMN public.user_profiles.location IS 'Location, in the user''s words';
COMMENT ON COLUMN public.user_profiles.website_url IS 'The user''s own site';
COMMENT ON COLUMN public.user_profiles.birthdate IS 'Date of birth';
COMMENT ON COLUMN public.user_profiles.gender IS 'In the user''s words';
COMMENT ON COLUMN public.user_profiles.social_links IS 'Object: network to address';
COMMENT ON COLUMN public.user_profiles.is_public IS 'Whether others see the profile';
COMMENT ON COLUMN public.user_profiles.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.user_profiles.updated_at IS 'When the row was last updated, set by a trigger';

-- === user_settings ===

CREATE TABLE public.user_settings (
    id                       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                  UUID NOT NULL,
    language                 VARCHAR(10) NOT NULL DEFAULT 'en',
    timezone                 VARCHAR(64) NOT NULL DEFAULT 'UTC',
    theme                    VARCHAR(20) NOT NULL DEFAULT 'system',
    email_notifications      BOOLEAN NOT NULL DEFAULT true,
    push_notifications       BOOLEAN NOT NULL DEFAULT true,
    notification_preferences JSONB NOT NULL DEFAULT '{}',
    privacy_preferences      JSONB NOT NULL DEFAULT '{}',
    created_at               TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at               TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_user_settings_user_id UNIQUE (user_id),
    CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_user_settings_notification_preferences
        CHECK (jsonb_typeof(notification_preferences) = 'object'),
    CONSTRAINT chk_user_settings_privacy_preferences
        CHECK (jsonb_typeof(privacy_preferences) = 'object'),
    CONSTRAINT chk_user_settings_theme CHECK (theme::text IN ('system', 'light', 'dark'))
);

ALTER TABLE public.user_settings SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.user_settings IS 'Settings of users, at most one row for each user';
COMMENT ON COLUMN public.user_settings.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.user_settings.user_id IS 'Whose settings they are';
COMMENT ON COLUMN public.user_settings.language IS 'BCP 47 language tag';
COMMENT ON COLUMN public.user_settings.timezone IS 'IANA time zone';
COMMENT ON COLUMN public.user_settings.theme IS 'Colours: system, light or dark';
COMMENT ON COLUMN public.user_settings.email_notifications IS 'Whether to notify by e-mail';
COMMENT ON COLUMN public.user_settings.push_notifications IS 'Whether to notify on devices';
COMMENT ON COLUMN public.user_settings.notification_preferences IS 'Object: kind of notification to channels';
COMMENT ON COLUMN public.user_settings.privacy_preferences IS 'Object: what others may see';
COMMENT ON COLUMN public.user_settings.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.user_settings.updated_at IS 'When the row was last updated, set by a trigger';

-- === reference rows ===

INSERT INTO public.roles (name, display_name, description, is_system) VALUES
    ('admin', 'Administrator', 'Does everything that the admin offers', true),
    ('moderator', 'Moderator', 'Also takes content down and bans accounts', true),
    ('support', 'Support', 'Helps users: reads everything, unlocks accounts', true);

INSERT INTO public.permissions (name, resource, action, description) VALUES
    ('admin.access', 'admin', 'access', 'Enter the support admin'),
    ('bitrate_adaptation_logs.create', 'bitrate_adaptation_logs', 'create', 'Create rows of bitrate_adaptation_logs'),
    ('bitrate_adaptation_logs.delete', 'bitrate_adaptation_logs', 'delete', 'Delete rows of bitrate_adaptation_logs'),
    ('bitrate_adaptation_logs.read', 'bitrate_adaptation_logs', 'read', 'Read rows of bitrate_adaptation_logs'),
    ('bitrate_adaptation_logs.update', 'bitrate_adaptation_logs', 'update', 'Update rows of bitrate_adaptation_logs'),
    ('email_verification_tokens.create', 'email_verification_tokens', 'create', 'Create rows of email_verification_tokens'),
    ('email_verification_tokens.delete', 'email_verification_tokens', 'delete', 'Delete rows of email_verification_tokens'),
    ('email_verification_tokens.read', 'email_verification_tokens', 'read', 'Read rows of email_verification_tokens'),
    ('email_verification_tokens.update', 'email_verification_tokens', 'update', 'Update rows of email_verification_tokens'),
    ('federated_identities.create', 'federated_identities', 'create', 'Create rows of federated_identities'),
    ('federated_identities.delete', 'federated_identities', 'delete', 'Delete rows of federated_identities'),
    ('federated_identities.read', 'federated_identities', 'read', 'Read rows of federated_identities'),
    ('federated_identities.update', 'federated_identities', 'update', 'Update rows of federated_identities'),
    ('hls_streams.create', 'hls_streams', 'create', 'Create rows of hls_streams'),
    ('hls_streams.delete', 'hls_streams', 'delete', 'Delete rows of hls_streams'),
    ('hls_streams.read', 'hls_streams', 'read', 'Read rows of hls_streams'),
    ('hls_streams.update', 'hls_streams', 'update', 'Update rows of hls_streams'),
    ('hls_transcode_queue.create', 'hls_transcode_queue', 'create', 'Create rows of hls_transcode_queue'),
    ('hls_transcode_queue.delete', 'hls_transcode_queue', 'delete', 'Delete rows of hls_transcode_queue'),
    ('hls_transcode_queue.read', 'hls_transcode_queue', 'read', 'Read rows of hls_transcode_queue'),
    ('hls_transcode_queue.update', 'hls_transcode_queue', 'update', 'Update rows of hls_transcode_queue'),
    ('password_reset_tokens.create', 'password_reset_tokens', 'create', 'Create rows of password_reset_tokens'),
    ('password_reset_tokens.delete', 'password_reset_tokens', 'delete', 'Delete rows of password_reset_tokens'),
    ('password_reset_tokens.read', 'password_reset_tokens', 'read', 'Read rows of password_reset_tokens'),
    ('password_reset_tokens.update', 'password_reset_tokens', 'update', 'Update rows of password_reset_tokens'),
    ('permissions.create', 'permissions', 'create', 'Create rows of permissions'),
    ('permissions.delete', 'permissions', 'delete', 'Delete rows of permissions'),
    ('permissions.read', 'permissions', 'read', 'Read rows of permissions'),
    ('permissions.update', 'permissions', 'update', 'Update rows of permissions'),
    ('personal_data.access', 'personal_data', 'access', 'Export all data that is held on one user'),
    ('playback_analytics.create', 'playback_analytics', 'create', 'Create rows of playback_analytics'),
    ('playback_analytics.delete', 'playback_analytics', 'delete', 'Delete rows of playback_analytics'),
    ('playback_analytics.read', 'playback_analytics', 'read', 'Read rows of playback_analytics'),
    ('playback_analytics.update', 'playback_analytics', 'update', 'Update rows of playback_analytics'),
    ('playlist_collaborators.create', 'playlist_collaborators', 'create', 'Create rows of playlist_collaborators'),
    ('playlist_collaborators.delete', 'playlist_collaborators', 'delete', 'Delete rows of playlist_collaborators'),
    ('playlist_collaborators.read', 'playlist_collaborators', 'read', 'Read rows of playlist_collaborators'),
    ('playlist_collaborators.update', 'playlist_collaborators', 'update', 'Update rows of playlist_collaborators'),
    ('playlist_follows.create', 'playlist_follows', 'create', 'Create rows of playlist_follows'),
    ('playlist_follows.delete', 'playlist_follows', 'delete', 'Delete rows of playlist_follows'),
    ('playlist_follows.read', 'playlist_follows', 'read', 'Read rows of playlist_follows'),
    ('playlist_follows.update', 'playlist_follows', 'update', 'Update rows of playlist_follows'),
    ('playlist_tracks.create', 'playlist_tracks', 'create', 'Create rows of playlist_tracks'),
    ('playlist_tracks.delete', 'playlist_tracks', 'delete', 'Delete rows of playlist_tracks'),
    ('playlist_tracks.read', 'playlist_tracks', 'read', 'Read rows of playlist_tracks'),
    ('playlist_tracks.update', 'playlist_tracks', 'update', 'Update rows of playlist_tracks'),
    ('playlists.create', 'playlists', 'create', 'Create rows of playlists'),
    ('playlists.delete', 'playlists', 'delete', 'Delete rows of playlists'),
    ('playlists.read', 'playlists', 'read', 'Read rows of playlists'),
    ('playlists.update', 'playlists', 'update', 'Update rows of playlists'),
    ('refresh_tokens.create', 'refresh_tokens', 'create', 'Create rows of refresh_tokens'),
    ('refresh_tokens.delete', 'refresh_tokens', 'delete', 'Delete rows of refresh_tokens'),
    ('refresh_tokens.read', 'refresh_tokens', 'read', 'Read rows of refresh_tokens'),
    ('refresh_tokens.update', 'refresh_tokens', 'update', 'Update rows of refresh_tokens'),
    ('role_permissions.create', 'role_permissions', 'create', 'Create rows of role_permissions'),
    ('role_permissions.delete', 'role_permissions', 'delete', 'Delete rows of role_permissions'),
    ('role_permissions.read', 'role_permissions', 'read', 'Read rows of role_permissions'),
    ('role_permissions.update', 'role_permissions', 'update', 'Update rows of role_permissions'),
    ('roles.create', 'roles', 'create', 'Create rows of roles'),
    ('roles.delete', 'roles', 'delete', 'Delete rows of roles'),
    ('roles.read', 'roles', 'read', 'Read rows of roles'),
    ('roles.update', 'roles', 'update', 'Update rows of roles'),
    ('rooms.create', 'rooms', 'create', 'Create rows of rooms'),
    ('rooms.delete', 'rooms', 'delete', 'Delete rows of rooms'),
    ('rooms.read', 'rooms', 'read', 'Read rows of rooms'),
    ('rooms.update', 'rooms', 'update', 'Update rows of rooms'),
    ('second_factors.delete', 'second_factors', 'delete', 'Reset the second factor of a colleague'),
    ('track_comments.create', 'track_comments', 'create', 'Create rows of track_comments'),
    ('track_comments.delete', 'track_comments', 'delete', 'Delete rows of track_comments'),
    ('track_comments.read', 'track_comments', 'read', 'Read rows of track_comments'),
    ('track_comments.update', 'track_comments', 'update', 'Update rows of track_comments'),
    ('track_history.create', 'track_history', 'create', 'Create rows of track_history'),
    ('track_history.delete', 'track_history', 'delete', 'Delete rows of track_history'),
    ('track_history.read', 'track_history', 'read', 'Read rows of track_history'),
    ('track_history.update', 'track_history', 'update', 'Update rows of track_history'),
    ('track_likes.create', 'track_likes', 'create', 'Create rows of track_likes'),
    ('track_likes.delete', 'track_likes', 'delete', 'Delete rows of track_likes'),
    ('track_likes.read', 'track_likes', 'read', 'Read rows of track_likes'),
    ('track_likes.update', 'track_likes', 'update', 'Update rows of track_likes'),
    ('track_plays.create', 'track_plays', 'create', 'Create rows of track_plays'),
    ('track_plays.delete', 'track_plays', 'delete', 'Delete rows of track_plays'),
    ('track_plays.read', 'track_plays', 'read', 'Read rows of track_plays'),
    ('track_plays.update', 'track_plays', 'update', 'Update rows of track_plays'),
    ('track_shares.create', 'track_shares', 'create', 'Create rows of track_shares'),
    ('track_shares.delete', 'track_shares', 'delete', 'Delete rows of track_shares'),
    ('track_shares.read', 'track_shares', 'read', 'Read rows of track_shares'),
    ('track_shares.update', 'track_shares', 'update', 'Update rows of track_shares'),
    ('track_versions.create', 'track_versions', 'create', 'Create rows of track_versions'),
    ('track_versions.delete', 'track_versions', 'delete', 'Delete rows of track_versions'),
    ('track_versions.read', 'track_versions', 'read', 'Read rows of track_versions'),
    ('track_versions.update', 'track_versions', 'update', 'Update rows of track_versions'),
    ('tracks.create', 'tracks', 'create', 'Create rows of tracks'),
    ('tracks.delete', 'tracks', 'delete', 'Delete rows of tracks'),
    ('tracks.read', 'tracks', 'read', 'Read rows of tracks'),
    ('tracks.update', 'tracks', 'update', 'Update rows of tracks'),
    ('user_profiles.create', 'user_profiles', 'create', 'Create rows of user_profiles'),
    ('user_profiles.delete', 'user_profiles', 'delete', 'Delete rows of user_profiles'),
    ('user_profiles.read', 'user_profiles', 'read', 'Read rows of user_profiles'),
    ('user_profiles.update', 'user_profiles', 'update', 'Update rows of user_profiles'),
    ('user_roles.create', 'user_roles', 'create', 'Create rows of user_roles'),
    ('user_roles.delete', 'user_roles', 'delete', 'Delete rows of user_roles'),
    ('user_roles.read', 'user_roles', 'read', 'Read rows of user_roles'),
    ('user_roles.update', 'user_roles', 'update', 'Update rows of user_roles'),
    ('user_sessions.create', 'user_sessions', 'create', 'Create rows of user_sessions'),
    ('user_sessions.delete', 'user_sessions', 'delete', 'Delete rows of user_sessions'),
    ('user_sessions.read', 'user_sessions', 'read', 'Read rows of user_sessions'),
    ('user_sessions.update', 'user_sessions', 'update', 'Update rows of user_sessions'),
    ('user_settings.create', 'user_settings', 'create', 'Create rows of user_settings'),
    ('user_settings.delete', 'user_settings', 'delete', 'Delete rows of user_settings'),
    ('user_settings.read', 'user_settings', 'read', 'Read rows of user_settings'),
    ('user_settings.update', 'user_settings', 'update', 'Update rows of user_settings'),
    ('users.create', 'users', 'create', 'Create rows of users'),
    ('users.delete', 'users', 'delete', 'Delete rows of users'),
    ('users.read', 'users', 'read', 'Read rows of users'),
    ('users.update', 'users', 'update', 'Update rows of users');

INSERT INTO public.role_permissions (role_id, permission_id)
SELECT roles.id, permissions.id
FROM (VALUES
    ('admin', 'admin.access'),
    ('admin', 'bitrate_adaptation_logs.create'),
    ('admin', 'bitrate_adaptation_logs.delete'),
    ('admin', 'bitrate_adaptation_logs.read'),
    ('admin', 'bitrate_adaptation_logs.update'),
    ('admin', 'email_verification_tokens.create'),
    ('admin', 'email_verification_tokens.delete'),
    ('admin', 'email_verification_tokens.read'),
    ('admin', 'email_verification_tokens.update'),
    ('admin', 'federated_identities.create'),
    ('admin', 'federated_identities.delete'),
    ('admin', 'federated_identities.read'),
    ('admin', 'federated_identities.update'),
    ('admin', 'hls_streams.create'),
    ('admin', 'hls_streams.delete'),
    ('admin', 'hls_streams.read'),
    ('admin', 'hls_streams.update'),
    ('admin', 'hls_transcode_queue.create'),
    ('admin', 'hls_transcode_queue.delete'),
    ('admin', 'hls_transcode_queue.read'),
    ('admin', 'hls_transcode_queue.update'),
    ('admin', 'password_reset_tokens.create'),
    ('admin', 'password_reset_tokens.delete'),
    ('admin', 'password_reset_tokens.read'),
    ('admin', 'password_reset_tokens.update'),
    ('admin', 'permissions.create'),
    ('admin', 'permissions.delete'),
    ('admin', 'permissions.read'),
    ('admin', 'permissions.update'),
    ('admin', 'personal_data.access'),
    ('admin', 'playback_analytics.create'),
    ('admin', 'playback_analytics.delete'),
    ('admin', 'playback_analytics.read'),
    ('admin', 'playback_analytics.update'),
    ('admin', 'playlist_collaborators.create'),
    ('admin', 'playlist_collaborators.delete'),
    ('admin', 'playlist_collaborators.read'),
    ('admin', 'playlist_collaborators.update'),
    ('admin', 'playlist_follows.create'),
    ('admin', 'playlist_follows.delete'),
    ('admin', 'playlist_follows.read'),
    ('admin', 'playlist_follows.update'),
    ('admin', 'playlist_tracks.create'),
    ('admin', 'playlist_tracks.delete'),
    ('admin', 'playlist_tracks.read'),
    ('admin', 'playlist_tracks.update'),
    ('admin', 'playlists.create'),
    ('admin', 'playlists.delete'),
    ('admin', 'playlists.read'),
    ('admin', 'playlists.update'),
    ('admin', 'refresh_tokens.create'),
    ('admin', 'refresh_tokens.delete'),
    ('admin', 'refresh_tokens.read'),
    ('admin', 'refresh_tokens.update'),
    ('admin', 'role_permissions.create'),
    ('admin', 'role_permissions.delete'),
    ('admin', 'role_permissions.read'),
    ('admin', 'role_permissions.update'),
    ('admin', 'roles.create'),
    ('admin', 'roles.delete'),
    ('admin', 'roles.read'),
    ('admin', 'roles.update'),
    ('admin', 'rooms.create'),
    ('admin', 'rooms.delete'),
    ('admin', 'rooms.read'),
    ('admin', 'rooms.update'),
    ('admin', 'second_factors.delete'),
    ('admin', 'track_comments.create'),
    ('admin', 'track_comments.delete'),
    ('admin', 'track_comments.read'),
    ('admin', 'track_comments.update'),
    ('admin', 'track_history.create'),
    ('admin', 'track_history.delete'),
    ('admin', 'track_history.read'),
    ('admin', 'track_history.update'),
    ('admin', 'track_likes.create'),
    ('admin', 'track_likes.delete'),
    ('admin', 'track_likes.read'),
    ('admin', 'track_likes.update'),
    ('admin', 'track_plays.create'),
    ('admin', 'track_plays.delete'),
    ('admin', 'track_plays.read'),
    ('admin', 'track_plays.update'),
    ('admin', 'track_shares.create'),
    ('admin', 'track_shares.delete'),
    ('admin', 'track_shares.read'),
    ('admin', 'track_shares.update'),
    ('admin', 'track_versions.create'),
    ('admin', 'track_versions.delete'),
    ('admin', 'track_versions.read'),
    ('admin', 'track_versions.update'),
    ('admin', 'tracks.create'),
    ('admin', 'tracks.delete'),
    ('admin', 'tracks.read'),
    ('admin', 'tracks.update'),
    ('admin', 'user_profiles.create'),
    ('admin', 'user_profiles.delete'),
    ('admin', 'user_profiles.read'),
    ('admin', 'user_profiles.update'),
    ('admin', 'user_roles.create'),
    ('admin', 'user_roles.delete'),
    ('admin', 'user_roles.read'),
    ('admin', 'user_roles.update'),
    ('admin', 'user_sessions.create'),
    ('admin', 'user_sessions.delete'),
    ('admin', 'user_sessions.read'),
    ('admin', 'user_sessions.update'),
    ('admin', 'user_settings.create'),
    ('admin', 'user_settings.delete'),
    ('admin', 'user_settings.read'),
    ('admin', 'user_settings.update'),
    ('admin', 'users.create'),
    ('admin', 'users.delete'),
    ('admin', 'users.read'),
    ('admin', 'users.update'),
    ('moderator', 'admin.access'),
    ('moderator', 'bitrate_adaptation_logs.read'),
    ('moderator', 'email_verification_tokens.read'),
    ('moderator', 'federated_identities.read'),
    ('moderator', 'hls_streams.read'),
    ('moderator', 'hls_transcode_queue.read'),
    ('moderator', 'hls_transcode_queue.update'),
    ('moderator', 'password_reset_tokens.read'),
    ('moderator', 'permissions.read'),
    ('moderator', 'playback_analytics.read'),
    ('moderator', 'playlist_collaborators.read'),
    ('moderator', 'playlist_follows.read'),
    ('moderator', 'playlist_tracks.read'),
    ('moderator', 'playlists.delete'),
    ('moderator', 'playlists.read'),
    ('moderator', 'playlists.update'),
    ('moderator', 'refresh_tokens.read'),
    ('moderator', 'refresh_tokens.update'),
    ('moderator', 'role_permissions.read'),
    ('moderator', 'roles.read'),
    ('moderator', 'rooms.delete'),
    ('moderator', 'rooms.read'),
    ('moderator', 'rooms.update'),
    ('moderator', 'track_comments.delete'),
    ('moderator', 'track_comments.read'),
    ('moderator', 'track_comments.update'),
    ('moderator', 'track_history.read'),
    ('moderator', 'track_likes.read'),
    ('moderator', 'track_plays.read'),
    ('moderator', 'track_shares.delete'),
    ('moderator', 'track_shares.read'),
    ('moderator', 'track_shares.update'),
    ('moderator', 'track_versions.read'),
    ('moderator', 'tracks.delete'),
    ('moderator', 'tracks.read'),
    ('moderator', 'tracks.update'),
    ('moderator', 'user_profiles.read'),
    ('moderator', 'user_roles.read'),
    ('moderator', 'user_sessions.read'),
    ('moderator', 'user_sessions.update'),
    ('moderator', 'user_settings.read'),
    ('moderator', 'users.read'),
    ('moderator', 'users.update'),
    ('support', 'admin.access'),
    ('support', 'bitrate_adaptation_logs.read'),
    ('support', 'email_verification_tokens.read'),
    ('support', 'federated_identities.read'),
    ('support', 'hls_streams.read'),
    ('support', 'hls_transcode_queue.read'),
    ('support', 'hls_transcode_queue.update'),
    ('support', 'password_reset_tokens.read'),
    ('support', 'permissions.read'),
    ('support', 'playback_analytics.read'),
    ('support', 'playlist_collaborators.read'),
    ('support', 'playlist_follows.read'),
    ('support', 'playlist_tracks.read'),
    ('support', 'playlists.read'),
    ('support', 'refresh_tokens.read'),
    ('support', 'refresh_tokens.update'),
    ('support', 'role_permissions.read'),
    ('support', 'roles.read'),
    ('support', 'rooms.read'),
    ('support', 'track_comments.read'),
    ('support', 'track_history.read'),
    ('support', 'track_likes.read'),
    ('support', 'track_plays.read'),
    ('support', 'track_shares.read'),
    ('support', 'track_versions.read'),
    ('support', 'tracks.read'),
    ('support', 'user_profiles.read'),
    ('support', 'user_roles.read'),
    ('support', 'user_sessions.read'),
    ('support', 'user_sessions.update'),
    ('support', 'user_settings.read'),
    ('support', 'users.read'),
    ('support', 'users.update')
) AS granted (role_name, permission_name)
JOIN public.roles ON roles.name = role_name
JOIN public.permissions ON permissions.name = permission_name;
