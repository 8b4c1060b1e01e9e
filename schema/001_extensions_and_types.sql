-- 001_extensions_and_types.sql: part 1 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- A second load stops here.
DO $$
BEGIN
    IF to_regtype('public.hls_stream_status') IS NOT NULL THEN
        RAISE EXCEPTION 'database "%" has this schema already, or a part of it', current_database()
        USING ERRCODE = 'duplicate_object',
            HINT = 'Load the files into an empty database (dropdb, createdb).';
    END IF;
END
$$;

-- For clients of the old schema; nothing in this one depends on them. If the server does not have
-- one, such as the embedded server for development, it is left out, as `migrate` does: a plain
-- CREATE EXTENSION would fail there.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgcrypto') THEN
        CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
    ELSE
        RAISE NOTICE 'extension pgcrypto is not available here: left out, nothing depends on it';
    END IF;
END
$$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'uuid-ossp') THEN
        CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
    ELSE
        RAISE NOTICE 'extension uuid-ossp is not available here: left out, nothing depends on it';
    END IF;
END
$$;

-- What the schema itself depends on.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE TYPE public.hls_stream_status AS ENUM (
    'pending',
    'processing',
    'ready',
    'failed'
);
COMMENT ON TYPE public.hls_stream_status IS 'Processing state of an HLS stream';

CREATE TYPE public.playlist_permission AS ENUM (
    'read',
    'write',
    'admin'
);
COMMENT ON TYPE public.playlist_permission IS 'What a collaborator may do with a playlist, least first';

CREATE TYPE public.track_status AS ENUM (
    'uploading',
    'processing',
    'ready',
    'failed'
);
COMMENT ON TYPE public.track_status IS 'Processing state of a track';

CREATE TYPE public.transcode_status AS ENUM (
    'pending',
    'processing',
    'completed',
    'failed',
    'cancelled'
);
COMMENT ON TYPE public.transcode_status IS 'State of a transcode job';

CREATE TYPE public.user_role AS ENUM (
    'user',
    'premium',
    'support',
    'moderator',
    'admin',
    'super_admin'
);
COMMENT ON TYPE public.user_role IS 'Kind of account, least first';
