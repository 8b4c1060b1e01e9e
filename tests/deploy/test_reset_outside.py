"""The fingerprint with which `reset_db` detects that it dropped something outside."""

import pytest
from django.db import connection

from veza_core.operations.reset import _outside

pytestmark = pytest.mark.django_db

MADE_OUTSIDE = [
    "CREATE TABLE chat.rooms (id int)",
    "ALTER TABLE chat.rooms ADD COLUMN name text",
    "ALTER TABLE chat.rooms ALTER COLUMN name SET DEFAULT 'a'",
    "ALTER TABLE chat.rooms ADD CONSTRAINT named CHECK (name <> '')",
    "ALTER TABLE chat.rooms ADD author uuid REFERENCES public.users",
    "CREATE INDEX ON chat.rooms (name)",
    "CREATE STATISTICS chat.both ON id, name FROM chat.rooms",
    "CREATE FUNCTION chat.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER keep BEFORE INSERT ON chat.rooms FOR EACH ROW EXECUTE FUNCTION chat.keep()",
    "CREATE POLICY mine ON chat.rooms USING (true)",
    "CREATE RULE quiet AS ON DELETE TO chat.rooms DO INSTEAD NOTHING",
    "CREATE VIEW chat.authors AS SELECT id FROM public.users",
    "CREATE TYPE chat.mood AS ENUM ('good')",
    "CREATE DOMAIN chat.short AS text",
    "ALTER DOMAIN chat.short ADD CONSTRAINT is_short CHECK (length(VALUE) < 9)",
    "CREATE OPERATOR chat.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
]
MADE_INSIDE = [
    "CREATE TABLE public.rooms_of_all (id int PRIMARY KEY DEFAULT 1 CHECK (id > 0))",
    "CREATE TABLE django.rooms_of_all (id uuid REFERENCES public.users)",
    "CREATE VIEW public.some AS SELECT id FROM public.users",
    "CREATE POLICY mine ON public.users USING (true)",
    "CREATE TYPE public.mood AS ENUM ('good')",
]


def test_it_changes_with_every_definition_outside_and_with_none_inside():
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA chat")
        seen = [_outside(connection)]
        for statement in MADE_OUTSIDE:
            cursor.execute(statement)
            seen.append(_outside(connection))
            assert seen[-1] not in seen[:-1], statement
        for statement in MADE_INSIDE:
            cursor.execute(statement)
            assert _outside(connection) == seen[-1], statement
        for table in ("chat.rooms", "chat.authors"):
            cursor.execute(f"DROP {'VIEW' if 'authors' in table else 'TABLE'} {table}")
            assert _outside(connection) not in seen
