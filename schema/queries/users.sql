-- Accounts: identification, sign-in, profile and settings.

-- name: UserByEmail :one
-- The account that signs in, by e-mail in any case.
-- index: idx_users_email
SELECT id, email, username, password_hash, role, is_active, is_verified, is_banned,
       token_version, failed_login_count, locked_until
FROM users WHERE email = lower($1) AND deleted_at IS NULL;

-- name: UserByUsername :one
-- The account that signs in, by username.
-- index: idx_users_username
SELECT id, email, username, password_hash, role, is_active, is_verified, is_banned,
       token_version, failed_login_count, locked_until
FROM users WHERE username = $1 AND deleted_at IS NULL;

-- name: UserForAccessToken :one
-- For the check of an access token: its token_version must be the account's.
-- index: users_pkey
SELECT id, role, token_version
FROM users WHERE id = $1 AND is_active AND NOT is_banned AND deleted_at IS NULL;

-- name: HiddenOwners :many
-- Of the owners of a page of tracks or playlists, those whose content must not be shown.
-- index: users_pkey
SELECT id FROM users
WHERE id = ANY($1::uuid[]) AND (is_banned OR NOT is_active OR deleted_at IS NOT NULL);

-- name: CreateUser :one
-- If a live account has the e-mail, username or slug, the error is 23505, and the constraint's name
-- says which.
-- index: none
INSERT INTO users (email, username, slug, password_hash)
VALUES (lower($1), $2, $3, $4) RETURNING id, created_at;

-- name: RecordSignIn :exec
-- A successful sign-in.
-- index: users_pkey
UPDATE users SET last_login_at = CURRENT_TIMESTAMP, failed_login_count = 0, locked_until = NULL
WHERE id = $1;

-- name: RecordFailedSignIn :one
-- A wrong password. From the $2-th in a row on, it locks the account for $3 seconds. No row: it is
-- locked already, and nothing changes.
-- index: users_pkey
UPDATE users SET failed_login_count = failed_login_count + 1,
    locked_until = CASE WHEN failed_login_count + 1 >= $2::integer
        THEN (SELECT CURRENT_TIMESTAMP + make_interval(secs => $3::double precision))
        ELSE locked_until END
WHERE id = $1 AND (locked_until IS NULL OR locked_until <= CURRENT_TIMESTAMP)
RETURNING failed_login_count, locked_until;

-- name: ChangePassword :execrows
-- A new password ends every session, refresh token, access token and open reset of the account, and
-- a lock after failed sign-ins, but not a suspension by staff.
-- index: users_pkey, idx_refresh_tokens_user_id_created_at, idx_user_sessions_user_id_created_at, idx_password_reset_tokens_user_id
WITH sessions AS (
    UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP
    WHERE user_sessions.user_id = $1 AND user_sessions.revoked_at IS NULL
), tokens AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP
    WHERE refresh_tokens.user_id = $1 AND refresh_tokens.revoked_at IS NULL
), resets AS (
    UPDATE password_reset_tokens SET used_at = CURRENT_TIMESTAMP
    WHERE password_reset_tokens.user_id = $1 AND password_reset_tokens.used_at IS NULL
)
UPDATE users SET password_hash = $2, token_version = token_version + 1,
    failed_login_count = 0, locked_until = CASE WHEN failed_login_count = 0 THEN locked_until END
WHERE users.id = $1 AND users.deleted_at IS NULL;

-- name: DeleteUser :execrows
-- Soft deletion of an account, and the end of its sessions and tokens. Its content does not change:
-- see docs/services.md. The purge deletes the row, with everything that belongs to it.
-- index: users_pkey, idx_refresh_tokens_user_id_created_at, idx_user_sessions_user_id_created_at
WITH tokens AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP
    WHERE refresh_tokens.user_id = $1 AND refresh_tokens.revoked_at IS NULL
), sessions AS (
    UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP
    WHERE user_sessions.user_id = $1 AND user_sessions.revoked_at IS NULL
)
UPDATE users SET deleted_at = CURRENT_TIMESTAMP, token_version = token_version + 1
WHERE users.id = $1 AND users.deleted_at IS NULL;

-- name: UserOfIdentity :one
-- The account that a federated identity signs in to.
-- index: idx_federated_identities_provider_provider_user_id, users_pkey
SELECT users.id, users.role, users.is_active, users.is_banned, users.token_version
FROM federated_identities JOIN users ON users.id = federated_identities.user_id
WHERE federated_identities.provider = $1 AND federated_identities.provider_user_id = $2
  AND federated_identities.deleted_at IS NULL AND users.deleted_at IS NULL;

-- name: SaveIdentity :one
-- Links a federated identity, or renews the tokens of a linked one. There is no row if another
-- account has the identity: it is never moved.
-- index: idx_federated_identities_provider_provider_user_id
INSERT INTO federated_identities (user_id, provider, provider_user_id, email, display_name,
                                  avatar_url, access_token, refresh_token, token_expires_at)
VALUES ($1, $2, $3, lower($4), $5, $6, $7, $8, $9)
ON CONFLICT (provider, provider_user_id) WHERE deleted_at IS NULL DO UPDATE
SET email = EXCLUDED.email, display_name = EXCLUDED.display_name,
    avatar_url = EXCLUDED.avatar_url, access_token = EXCLUDED.access_token,
    refresh_token = EXCLUDED.refresh_token, token_expires_at = EXCLUDED.token_expires_at
WHERE federated_identities.user_id = EXCLUDED.user_id
RETURNING id;

-- name: ProfileByUsername :one
-- A user's public page. The service decides what is shown, because it knows the viewer.
-- index: idx_users_username, idx_user_profiles_user_id
SELECT users.id, users.username, user_profiles.display_name, user_profiles.bio,
       user_profiles.avatar_url, user_profiles.banner_url, user_profiles.location,
       user_profiles.website_url, user_profiles.social_links, user_profiles.is_public
FROM users LEFT JOIN user_profiles ON user_profiles.user_id = users.id
WHERE users.username = $1 AND users.is_active AND NOT users.is_banned
  AND users.deleted_at IS NULL;

-- name: SaveProfile :exec
-- The row of the profile exists from the first save on.
-- index: idx_user_profiles_user_id
INSERT INTO user_profiles (user_id, display_name, bio, location, website_url, social_links,
                           is_public)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (user_id) DO UPDATE
SET display_name = EXCLUDED.display_name, bio = EXCLUDED.bio, location = EXCLUDED.location,
    website_url = EXCLUDED.website_url, social_links = EXCLUDED.social_links,
    is_public = EXCLUDED.is_public;

-- name: SettingsOfUser :one
-- No row: the account has the table's defaults.
-- index: idx_user_settings_user_id
SELECT language, timezone, theme, email_notifications, push_notifications,
       notification_preferences, privacy_preferences
FROM user_settings WHERE user_id = $1;

-- name: SaveSettings :exec
-- index: idx_user_settings_user_id
INSERT INTO user_settings (user_id, language, timezone, theme, email_notifications,
                           push_notifications, notification_preferences, privacy_preferences)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (user_id) DO UPDATE
SET language = EXCLUDED.language, timezone = EXCLUDED.timezone, theme = EXCLUDED.theme,
    email_notifications = EXCLUDED.email_notifications,
    push_notifications = EXCLUDED.push_notifications,
    notification_preferences = EXCLUDED.notification_preferences,
    privacy_preferences = EXCLUDED.privacy_preferences;

-- name: PermissionsOfUser :many
-- The permissions of an account's roles, by name.
-- index: idx_user_roles_user_id_role_id, idx_role_permissions_role_id_permission_id, permissions_pkey
SELECT DISTINCT permissions.name
FROM user_roles
JOIN role_permissions ON role_permissions.role_id = user_roles.role_id
JOIN permissions ON permissions.id = role_permissions.permission_id
WHERE user_roles.user_id = $1
  AND (user_roles.expires_at IS NULL OR user_roles.expires_at > CURRENT_TIMESTAMP);
