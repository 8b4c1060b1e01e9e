-- 050_legacy_chat.sql: part 7 of 8 of schema public, for PostgreSQL 15 and newer.
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

-- === rooms ===

CREATE TABLE public.rooms (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    creator_id  UUID,
    name        VARCHAR(100) NOT NULL,
    description TEXT,
    is_private  BOOLEAN NOT NULL DEFAULT false,
    max_members INTEGER NOT NULL DEFAULT 1000,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at  TIMESTAMPTZ,
    CONSTRAINT rooms_creator_id_fkey FOREIGN KEY (creator_id)
        REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_rooms_max_members CHECK (max_members > 0),
    CONSTRAINT chk_rooms_name
        CHECK ((name::text COLLATE "C") ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'::text)
);

CREATE INDEX idx_rooms_created_at
    ON public.rooms (created_at DESC);
CREATE INDEX idx_rooms_creator_id
    ON public.rooms (creator_id);
CREATE INDEX idx_rooms_deleted_at
    ON public.rooms (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX idx_rooms_name
    ON public.rooms (name);

COMMENT ON TABLE public.rooms IS 'Chat rooms of old clients; the modern chat is in schema chat';
COMMENT ON COLUMN public.rooms.id IS 'Random UUID, unless the client sets one, such as of version 7';
COMMENT ON COLUMN public.rooms.creator_id IS 'Who created it; NULL: a permanently deleted account';
COMMENT ON COLUMN public.rooms.name IS 'Name, as shown; several rooms can have the same name';
COMMENT ON COLUMN public.rooms.description IS 'What the room is for';
COMMENT ON COLUMN public.rooms.is_private IS 'True: by invitation only';
COMMENT ON COLUMN public.rooms.max_members IS 'Maximum number of members';
COMMENT ON COLUMN public.rooms.created_at IS 'When the row was inserted';
COMMENT ON COLUMN public.rooms.updated_at IS 'When the row was last updated, set by a trigger';
COMMENT ON COLUMN public.rooms.deleted_at IS 'When the row was soft deleted; NULL: it is live';
