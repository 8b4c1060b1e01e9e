-- Sessions, refresh tokens, and tokens sent by e-mail. All of them are stored as hashes
-- (docs/services.md). Each token can be used once.

-- name: CreateSession :one
-- index: none
INSERT INTO user_sessions (user_id, token_hash, device_info, ip_address, user_agent, expires_at)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: SessionByHash :one
-- A live session of a live account.
-- index: idx_user_sessions_token_hash, users_pkey
SELECT user_sessions.id, user_sessions.user_id, user_sessions.last_activity_at,
       user_sessions.expires_at, users.role, users.token_version
FROM user_sessions JOIN users ON users.id = user_sessions.user_id
WHERE user_sessions.token_hash = $1 AND user_sessions.revoked_at IS NULL
  AND user_sessions.expires_at > CURRENT_TIMESTAMP
  AND users.is_active AND NOT users.is_banned AND users.deleted_at IS NULL;

-- name: LiveSessionsOfUser :many
-- The sessions of an account, the newest sign-in first. No index has last_activity_at, because
-- every use of a session would write to it.
-- index: idx_user_sessions_user_id_created_at
SELECT id, device_info, ip_address, user_agent, created_at, last_activity_at
FROM user_sessions
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > CURRENT_TIMESTAMP
ORDER BY created_at DESC LIMIT 100;

-- name: TouchSession :execrows
-- Run it at most once a minute for each session: otherwise every request writes a row version.
-- index: user_sessions_pkey
UPDATE user_sessions SET last_activity_at = CURRENT_TIMESTAMP
WHERE id = $1 AND revoked_at IS NULL
  AND last_activity_at < CURRENT_TIMESTAMP - interval '1 minute';

-- name: SignOutEverywhere :execrows
-- Ends all sessions, refresh tokens and access tokens of an account.
-- index: users_pkey, idx_refresh_tokens_user_id_created_at, idx_user_sessions_user_id_created_at
WITH sessions AS (
    UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP
    WHERE user_sessions.user_id = $1 AND user_sessions.revoked_at IS NULL
), tokens AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP
    WHERE refresh_tokens.user_id = $1 AND refresh_tokens.revoked_at IS NULL
)
UPDATE users SET token_version = token_version + 1 WHERE users.id = $1;

-- name: RefreshTokenByHash :one
-- Reads a token. RotateRefreshToken decides whether it may be used.
-- index: idx_refresh_tokens_token_hash
SELECT id, user_id, session_id, expires_at, revoked_at
FROM refresh_tokens WHERE token_hash = $1;

-- name: CreatePasswordResetToken :exec
-- index: none
INSERT INTO password_reset_tokens (user_id, token_hash, expires_at) VALUES ($1, $2, $3);

-- name: UsePasswordResetToken :one
-- Only one caller gets a row. Run ChangePassword in the same transaction.
-- index: idx_password_reset_tokens_token_hash
UPDATE password_reset_tokens SET used_at = CURRENT_TIMESTAMP
WHERE token_hash = $1 AND used_at IS NULL AND expires_at > CURRENT_TIMESTAMP
RETURNING user_id;

-- name: CreateEmailVerificationToken :exec
-- index: none
INSERT INTO email_verification_tokens (user_id, email, token_hash, expires_at)
VALUES ($1, lower($2), $3, $4);

-- name: UseEmailVerificationToken :one
-- Verifies the account if it still has the address that the token was sent to. Only one caller gets
-- a row.
-- index: idx_email_verification_tokens_token_hash, idx_users_email
WITH used AS (
    UPDATE email_verification_tokens SET used_at = CURRENT_TIMESTAMP
    WHERE token_hash = $1 AND used_at IS NULL AND expires_at > CURRENT_TIMESTAMP
    RETURNING user_id, email
)
UPDATE users SET is_verified = true FROM used
WHERE users.id = used.user_id AND users.email = used.email AND users.deleted_at IS NULL
RETURNING users.id;

-- name: CreateRefreshToken :one
-- $2: the session of the token. Always give it, so that both end together.
-- index: none
INSERT INTO refresh_tokens (user_id, session_id, token_hash, expires_at, ip_address, user_agent)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: RotateRefreshToken :one
-- A token is exchanged for one successor, with the same session. If two callers send it, the second
-- waits for the first, sees revoked_at, and gets no row. There is also no row if the session was
-- revoked or has expired, or if the account may not sign in. If there is no row, call
-- EndSessionOfReusedToken. $1: the old hash; $2: the new one; $3: when the new one expires.
-- index: idx_refresh_tokens_token_hash, users_pkey, user_sessions_pkey, refresh_tokens_pkey
WITH usable AS MATERIALIZED (
    SELECT refresh_tokens.id
    FROM refresh_tokens JOIN users ON users.id = refresh_tokens.user_id
    WHERE refresh_tokens.token_hash = $1
      AND refresh_tokens.expires_at > CURRENT_TIMESTAMP
      AND users.is_active AND NOT users.is_banned AND users.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM user_sessions
                      WHERE user_sessions.id = refresh_tokens.session_id
                        AND (user_sessions.revoked_at IS NOT NULL
                             OR user_sessions.expires_at <= CURRENT_TIMESTAMP))
), used AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP FROM usable
    WHERE refresh_tokens.id = usable.id AND refresh_tokens.revoked_at IS NULL
    RETURNING refresh_tokens.user_id, refresh_tokens.session_id
)
INSERT INTO refresh_tokens (user_id, session_id, token_hash, expires_at, ip_address, user_agent)
SELECT used.user_id, used.session_id, $2, $3, $4, $5 FROM used RETURNING id, user_id, session_id;

-- name: EndSessionOfReusedToken :execrows
-- For a token that was used before and is sent again: somebody has stolen it. 1: its session is
-- revoked, and no successor can be rotated, not even one that is being created now.
-- index: idx_refresh_tokens_token_hash, user_sessions_pkey
UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP FROM refresh_tokens
WHERE refresh_tokens.token_hash = $1 AND refresh_tokens.revoked_at IS NOT NULL
  AND user_sessions.id = refresh_tokens.session_id AND user_sessions.revoked_at IS NULL;

-- name: RevokeSession :execrows
-- Signs out one device: revokes the session, and its refresh tokens with it.
-- index: user_sessions_pkey, idx_refresh_tokens_session_id
WITH tokens AS (
    UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP
    WHERE refresh_tokens.session_id = $1 AND refresh_tokens.user_id = $2
      AND refresh_tokens.revoked_at IS NULL
)
UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP
WHERE user_sessions.id = $1 AND user_sessions.user_id = $2 AND user_sessions.revoked_at IS NULL;
