-- 010_auth_and_users.sql: part 2 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- === users ===

CREATE TABLE public.users (
    id                 UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email              VARCHAR(255) NOT NULL,
    username           VARCHAR(30) NOT NULL,
    slug               VARCHAR(255),
    password_hash      VARCHAR(255),
    role               public.user_role NOT NULL DEFAULT 'user',
    is_active          BOOLEAN NOT NULL DEFAULT true,
    is_verified        BOOLEAN NOT NULL DEFAULT false,
    is_banned          BOOLEAN NOT NULL DEFAULT false,
    token_version      INTEGER NOT NULL DEFAULT 0,
    failed_login_count INTEGER NOT NULL DEFAULT 0,
    locked_until       TIMESTAMPTZ,
    last_login_at      TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at         TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at         TIMESTAMPTZ,
    CONSTRAINT chk_users_email
        CHECK ((email::text COLLATE "C") ~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text),
    CONSTRAINT chk_users_failed_login_count CHECK (failed_login_count >= 0),
    CONSTRAINT chk_users_password_hash
        CHECK ((password_hash::text COLLATE "C") ~ '^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$'::text),
    CONSTRAINT chk_users_slug CHECK ((slug::text COLLATE "C") ~ '^[a-z0-9][a-z0-9._-]*$'::text),
    CONSTRAINT chk_users_token_version CHECK (token_version >= 0),
    CONSTRAINT chk_users_username
        CHECK ((username::text COLLATE "C") !~ '[@\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text AND (username IS NFKC NORMALIZED)),
    CONSTRAINT chk_users_username_length CHECK (length(username) >= 3)
);

CREATE INDEX idx_users_created_at
    ON public.users (created_at DESC);
CREATE INDEX idx_users_deleted_at
    ON public.users (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX idx_users_email
    ON public.users (email) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_email_domain_created_at
    ON public.users (split_part(email::text, '@'::text, 2), created_at DESC);
CREATE INDEX idx_users_email_prefix
    ON public.users (upper(email) text_pattern_ops);
CREATE INDEX idx_users_locked_until
    ON public.users (locked_until) WHERE locked_until IS NOT NULL;
CREATE INDEX idx_users_role_created_at
    ON public.users (role, created_at DESC) WHERE NOT role = 'user';
CREATE UNIQUE INDEX idx_users_slug
    ON public.users (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX idx_users_username
    ON public.users (username) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_username_trgm
    ON public.users USING gin (upper(username) public.gin_trgm_ops);
CREATE UNIQUE INDEX idx_users_username_upper
    ON public.users (upper(username)) WHERE deleted_at IS NULL;

ALTER TABLE public.users SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02', fillfactor = '95');

COMMENT ON TABLE public.users IS 'Accounts';
COMMENT ON COLUMN public.users.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.users.email IS 'E-mail address for sign-in, in lower case; unique among live rows';
COMMENT ON COLUMN public.users.username IS 'Public name; unique among live rows, in any case';
COMMENT ON COLUMN public.users.slug IS 'Name of the profile in URLs; unique among live rows';
COMMENT ON COLUMN public.users.password_hash IS 'bcrypt ($2a$, $2b$ or $2y$); NULL: signs in through a federated identity only';
COMMENT ON COLUMN public.users.role IS 'The account''s kind; fine-grained permissions are in user_roles';
COMMENT ON COLUMN public.users.is_active IS 'False: deactivated, cannot sign in';
COMMENT ON COLUMN public.users.is_verified IS 'Whether the e-mail address was verified';
COMMENT ON COLUMN public.users.is_banned IS 'True: banned by staff';
COMMENT ON COLUMN public.users.token_version IS 'In every access token; a higher value makes all earlier ones invalid';
COMMENT ON COLUMN public.users.failed_login_count IS 'Failed sign-ins since the last successful one';
COMMENT ON COLUMN public.users.locked_until IS 'No sign-in before this time; NULL: not locked';
COMMENT ON COLUMN public.users.last_login_at IS 'When the user last signed in; NULL: never';
COMMENT ON COLUMN public.users.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.users.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.users.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === federated_identities ===

CREATE TABLE public.federated_identities (
    id               UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          UUID NOT NULL,
    provider         VARCHAR(50) NOT NULL,
    provider_user_id VARCHAR(255) NOT NULL,
    email            VARCHAR(255),
    display_name     VARCHAR(255),
    avatar_url       TEXT,
    access_token     TEXT,
    refresh_token    TEXT,
    token_expires_at TIMESTAMPTZ,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at       TIMESTAMPTZ,
    CONSTRAINT federated_identities_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_federated_identities_display_name
        CHECK ((display_name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_federated_identities_provider
        CHECK ((provider::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_federated_identities_provider_user_id
        CHECK ((provider_user_id::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text),
    CONSTRAINT chk_federated_identities_token_expires_at
        CHECK (token_expires_at >= '0001-01-01 00:00:00+00' AND token_expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_federated_identities_created_at
    ON public.federated_identities (created_at DESC);
CREATE INDEX idx_federated_identities_deleted_at
    ON public.federated_identities (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_federated_identities_email_upper
    ON public.federated_identities (upper(email));
CREATE UNIQUE INDEX idx_federated_identities_provider_provider_user_id
    ON public.federated_identities (provider, provider_user_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_federated_identities_user_id_provider
    ON public.federated_identities (user_id, provider);

COMMENT ON TABLE public.federated_identities IS 'Identities at other providers (OAuth) through which users sign in';
COMMENT ON COLUMN public.federated_identities.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.federated_identities.user_id IS 'The account it signs in to';
COMMENT ON COLUMN public.federated_identities.provider IS 'Open vocabulary, such as google, apple, spotify';
COMMENT ON COLUMN public.federated_identities.provider_user_id IS 'The user''s id at the provider';
COMMENT ON COLUMN public.federated_identities.email IS 'The address that the provider reports; not this platform''s identity';
COMMENT ON COLUMN public.federated_identities.display_name IS 'The name that the provider reports';
COMMENT ON COLUMN public.federated_identities.avatar_url IS 'The picture that the provider reports';
COMMENT ON COLUMN public.federated_identities.access_token IS 'The provider''s OAuth access token: a secret';
COMMENT ON COLUMN public.federated_identities.refresh_token IS 'The provider''s OAuth refresh token: a secret';
COMMENT ON COLUMN public.federated_identities.token_expires_at IS 'When access_token expires';
COMMENT ON COLUMN public.federated_identities.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.federated_identities.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.federated_identities.deleted_at IS 'When the row was soft deleted; NULL: it is live';

-- === user_sessions ===

CREATE TABLE public.user_sessions (
    id               UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          UUID NOT NULL,
    token_hash       VARCHAR(255) NOT NULL,
    device_info      VARCHAR(255),
    ip_address       INET,
    user_agent       VARCHAR(1024),
    last_activity_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at       TIMESTAMPTZ NOT NULL,
    revoked_at       TIMESTAMPTZ,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_user_sessions_token_hash UNIQUE (token_hash),
    CONSTRAINT user_sessions_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_user_sessions_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_user_sessions_expires_at
    ON public.user_sessions (expires_at);
CREATE INDEX idx_user_sessions_ip_address_created_at
    ON public.user_sessions (ip_address, created_at DESC);
CREATE INDEX idx_user_sessions_revoked_at
    ON public.user_sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX idx_user_sessions_user_id_created_at
    ON public.user_sessions (user_id, created_at DESC);

ALTER TABLE public.user_sessions SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02', fillfactor = '95');

COMMENT ON TABLE public.user_sessions IS 'Signed-in clients: browsers, phones, speakers';
COMMENT ON COLUMN public.user_sessions.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.user_sessions.user_id IS 'Who is signed in';
COMMENT ON COLUMN public.user_sessions.token_hash IS 'Hash of the token: a secret';
COMMENT ON COLUMN public.user_sessions.device_info IS 'The device, as the client names it';
COMMENT ON COLUMN public.user_sessions.ip_address IS 'The client''s last IP address';
COMMENT ON COLUMN public.user_sessions.user_agent IS 'The client''s User-Agent, its first 1024 characters';
COMMENT ON COLUMN public.user_sessions.last_activity_at IS 'When it was last used';
COMMENT ON COLUMN public.user_sessions.expires_at IS 'When it expires';
COMMENT ON COLUMN public.user_sessions.revoked_at IS 'When it was ended early; NULL: not ended early';
COMMENT ON COLUMN public.user_sessions.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.user_sessions.updated_at IS 'When the row was last updated, set by a trigger';

-- === refresh_tokens ===

CREATE TABLE public.refresh_tokens (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    UUID NOT NULL,
    session_id UUID,
    token_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    ip_address INET,
    user_agent VARCHAR(1024),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_refresh_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id)
        REFERENCES public.user_sessions (id) ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_refresh_tokens_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_refresh_tokens_expires_at
    ON public.refresh_tokens (expires_at);
CREATE INDEX idx_refresh_tokens_revoked_at
    ON public.refresh_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX idx_refresh_tokens_session_id
    ON public.refresh_tokens (session_id);
CREATE INDEX idx_refresh_tokens_user_id_created_at
    ON public.refresh_tokens (user_id, created_at DESC);

ALTER TABLE public.refresh_tokens SET (autovacuum_analyze_scale_factor = '0.02', autovacuum_vacuum_insert_scale_factor = '0.02', autovacuum_vacuum_scale_factor = '0.02');

COMMENT ON TABLE public.refresh_tokens IS 'Long-lived tokens, exchanged for new access tokens';
COMMENT ON COLUMN public.refresh_tokens.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.refresh_tokens.user_id IS 'Whose token it is';
COMMENT ON COLUMN public.refresh_tokens.session_id IS 'The session that it belongs to, and ends with; NULL: unknown';
COMMENT ON COLUMN public.refresh_tokens.token_hash IS 'Hash of the token: a secret';
COMMENT ON COLUMN public.refresh_tokens.expires_at IS 'When it expires';
COMMENT ON COLUMN public.refresh_tokens.revoked_at IS 'When it was revoked; NULL: not revoked';
COMMENT ON COLUMN public.refresh_tokens.ip_address IS 'The IP address that it was issued to';
COMMENT ON COLUMN public.refresh_tokens.user_agent IS 'The client''s User-Agent, its first 1024 characters';
COMMENT ON COLUMN public.refresh_tokens.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.refresh_tokens.updated_at IS 'When the row was last updated, set by a trigger';

-- === password_reset_tokens ===

CREATE TABLE public.password_reset_tokens (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    UUID NOT NULL,
    token_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_password_reset_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT password_reset_tokens_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_password_reset_tokens_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_password_reset_tokens_expires_at
    ON public.password_reset_tokens (expires_at);
CREATE INDEX idx_password_reset_tokens_used_at
    ON public.password_reset_tokens (used_at) WHERE used_at IS NOT NULL;
CREATE INDEX idx_password_reset_tokens_user_id
    ON public.password_reset_tokens (user_id);

COMMENT ON TABLE public.password_reset_tokens IS 'Tokens, sent by e-mail, with which a user chooses a new password once';
COMMENT ON COLUMN public.password_reset_tokens.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.password_reset_tokens.user_id IS 'Whose password it resets';
COMMENT ON COLUMN public.password_reset_tokens.token_hash IS 'Hash of the token: a secret';
COMMENT ON COLUMN public.password_reset_tokens.expires_at IS 'When it expires';
COMMENT ON COLUMN public.password_reset_tokens.used_at IS 'When it was used; NULL: not used';
COMMENT ON COLUMN public.password_reset_tokens.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.password_reset_tokens.updated_at IS 'When the row was last updated, set by a trigger';

-- === email_verification_tokens ===

CREATE TABLE public.email_verification_tokens (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    UUID NOT NULL,
    email      VARCHAR(255) NOT NULL,
    token_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_email_verification_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT email_verification_tokens_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_email_verification_tokens_email
        CHECK ((email::text COLLATE "C") ~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text),
    CONSTRAINT chk_email_verification_tokens_expires_at
        CHECK (expires_at >= '0001-01-01 00:00:00+00' AND expires_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX idx_email_verification_tokens_expires_at
    ON public.email_verification_tokens (expires_at);
CREATE INDEX idx_email_verification_tokens_used_at
    ON public.email_verification_tokens (used_at) WHERE used_at IS NOT NULL;
CREATE INDEX idx_email_verification_tokens_user_id
    ON public.email_verification_tokens (user_id);

COMMENT ON TABLE public.email_verification_tokens IS 'Tokens that prove, once, that a user reads mail at an address';
COMMENT ON COLUMN public.email_verification_tokens.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.email_verification_tokens.user_id IS 'Whose address is verified';
COMMENT ON COLUMN public.email_verification_tokens.email IS 'The address being verified, in lower case';
COMMENT ON COLUMN public.email_verification_tokens.token_hash IS 'Hash of the token: a secret';
COMMENT ON COLUMN public.email_verification_tokens.expires_at IS 'When it expires';
COMMENT ON COLUMN public.email_verification_tokens.used_at IS 'When it was used; NULL: not used';
COMMENT ON COLUMN public.email_verification_tokens.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.email_verification_tokens.updated_at IS 'When the row was last updated, set by a trigger';
