"""Every kind of manual change is named, with the old and the new value."""

import psycopg
import pytest

from veza_core.db.operations import LEGACY_EXTENSIONS
from veza_core.schema.snapshot import read_snapshot
from veza_core.schema.snapshot.drift import Difference, compare

CHANGES = {
    "dropped index": (
        "DROP INDEX idx_rooms_name",
        "index rooms.idx_rooms_name: was CREATE INDEX idx_rooms_name ON public.rooms "
        "USING btree (name), is missing",
    ),
    "added index": (
        "CREATE INDEX by_hand ON rooms (max_members)",
        "index rooms.by_hand: was not there, is CREATE INDEX by_hand ON public.rooms "
        "USING btree (max_members)",
    ),
    "index without its condition": (
        "DROP INDEX idx_users_slug; CREATE UNIQUE INDEX idx_users_slug ON users (slug)",
        "index users.idx_users_slug: definition was CREATE UNIQUE INDEX idx_users_slug ON "
        "public.users USING btree (slug) WHERE deleted_at IS NULL, is CREATE UNIQUE INDEX "
        "idx_users_slug ON public.users USING btree (slug)",
    ),
    "renamed index": (
        "ALTER INDEX idx_rooms_name RENAME TO name_index",
        "index rooms.idx_rooms_name: name was idx_rooms_name, is name_index",
    ),
    "invalid index": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_rooms_name'::regclass",
        "index rooms.idx_rooms_name: validity was valid, is invalid",
    ),
    "changed default": (
        "ALTER TABLE users ALTER created_at SET DEFAULT now()",
        "column users.created_at: default was CURRENT_TIMESTAMP, is now()",
    ),
    "dropped default": (
        "ALTER TABLE users ALTER id DROP DEFAULT",
        "column users.id: default was gen_random_uuid(), is none",
    ),
    "altered type": (
        "ALTER TABLE tracks ALTER format TYPE text",
        "column tracks.format: type was varchar(20), is text",
    ),
    "time zone lost": (
        "ALTER TABLE users ALTER last_login_at TYPE timestamp",
        "column users.last_login_at: type was timestamptz, is timestamp",
    ),
    "not null dropped": (
        "ALTER TABLE users ALTER email DROP NOT NULL",
        "column users.email: nullability was NOT NULL, is NULL",
    ),
    "not null added": (
        "ALTER TABLE users ALTER slug SET NOT NULL",
        "column users.slug: nullability was NULL, is NOT NULL",
    ),
    "collation": (
        'ALTER TABLE rooms ALTER description TYPE text COLLATE "C"',
        'column rooms.description: collation was none, is "C"',
    ),
    "extra column": (
        "ALTER TABLE users ADD nickname varchar(50) NOT NULL DEFAULT ''",
        "column users.nickname: was not there, is varchar(50) NOT NULL default "
        "''::character varying",
    ),
    "dropped column": (
        "ALTER TABLE users DROP last_login_at",
        "column users.last_login_at: was timestamptz, is missing",
    ),
    "renamed column": (
        "ALTER TABLE users RENAME last_login_at TO seen",
        "column users.last_login_at: name was last_login_at, is seen",
    ),
    "order of columns": (
        "ALTER TABLE rooms DROP description, ADD description text; "
        "COMMENT ON COLUMN rooms.description IS 'What the room is for'",
        "table rooms: order of columns was id, creator_id, name, description, is_private, "
        "max_members, created_at, updated_at, deleted_at, is id, creator_id, name, is_private, "
        "max_members, created_at, updated_at, deleted_at, description",
    ),
    "column comment": (
        "COMMENT ON COLUMN users.email IS 'by hand'",
        "column users.email: comment was E-mail address for sign-in, in lower case; unique among "
        "live rows, is by hand",
    ),
    "table comment": (
        "COMMENT ON TABLE users IS NULL",
        "table users: comment was Accounts, is none",
    ),
    "foreign key's action": (
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey, ADD CONSTRAINT "
        "rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES users ON DELETE CASCADE",
        "constraint rooms.rooms_creator_id_fkey: definition was FOREIGN KEY (creator_id) "
        "REFERENCES public.users(id) ON DELETE SET NULL, is FOREIGN KEY (creator_id) "
        "REFERENCES public.users(id) ON DELETE CASCADE",
    ),
    "NOT VALID constraint": (
        "ALTER TABLE users DROP CONSTRAINT chk_users_token_version, ADD CONSTRAINT "
        "chk_users_token_version CHECK (token_version >= 0) NOT VALID",
        "constraint users.chk_users_token_version: definition was CHECK (token_version >= 0), "
        "is CHECK (token_version >= 0) NOT VALID",
    ),
    "foreign key not checked": (
        "ALTER TABLE rooms DISABLE TRIGGER ALL; ALTER TABLE rooms ENABLE TRIGGER USER",
        "constraint rooms.rooms_creator_id_fkey: enforcement was enabled, is disabled",
    ),
    "unique constraint without its name": (
        "ALTER TABLE roles RENAME CONSTRAINT idx_roles_name TO roles_name_key",
        "constraint roles.idx_roles_name: name was idx_roles_name, is roles_name_key",
    ),
    "disabled trigger": (
        "ALTER TABLE users DISABLE TRIGGER update_users_updated_at",
        "trigger users.update_users_updated_at: state was enabled, is disabled",
    ),
    "dropped trigger": (
        "DROP TRIGGER update_rooms_updated_at ON rooms",
        "trigger rooms.update_rooms_updated_at: was CREATE TRIGGER update_rooms_updated_at "
        "BEFORE UPDATE ON public.rooms FOR EACH ROW EXECUTE FUNCTION p…, is missing",
    ),
    "function's body": (
        "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = '' AS $$\nBEGIN\n    NEW.updated_at = now();\n    RETURN NEW;\nEND;\n$$",
        "function update_updated_at_column(): body was \\nBEGIN\\n    NEW.updated_at = "
        "CURRENT_TIMESTAMP;\\n    RETURN NEW;\\nEND;\\n, is \\nBEGIN\\n    NEW.updated_at = "
        "now();\\n    RETURN NEW;\\nEND;\\n",
    ),
    "function's search_path": (
        "ALTER FUNCTION update_updated_at_column() RESET search_path",
        'function update_updated_at_column(): settings was search_path="", is none',
    ),
    "function's privileges": (
        "ALTER FUNCTION update_updated_at_column() SECURITY DEFINER",
        "function update_updated_at_column(): attributes was none, is SECURITY DEFINER",
    ),
    "extra function": (
        "CREATE FUNCTION by_hand(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "function by_hand(integer): was not there, is arguments integer returns integer "
        "language sql body SELECT 1",
    ),
    "new enum value": (
        "ALTER TYPE playlist_permission ADD VALUE 'own' BEFORE 'read'",
        "type playlist_permission: values was read, write, admin, is own, read, write, admin",
    ),
    "renamed enum value": (
        "ALTER TYPE playlist_permission RENAME VALUE 'admin' TO 'all'",
        "type playlist_permission: values was read, write, admin, is read, write, all",
    ),
    "type comment": (
        "COMMENT ON TYPE user_role IS 'by hand'",
        "type user_role: comment was Kind of account, least first, is by hand",
    ),
    "extra type": (
        "CREATE DOMAIN percentage AS numeric CHECK (VALUE < 100)",
        "type percentage: was not there, is domain numeric checks percentage_check "
        "CHECK (VALUE < 100::numeric)",
    ),
    "extra table": (
        "CREATE TABLE by_hand (id bigint, name text)",
        "table by_hand: was not there, is a table of id, name",
    ),
    "dropped table": (
        "DROP TABLE rooms",
        "table rooms: was a table of id, creator_id, name, description, is_private, "
        "max_members, created_at, updated_at, delet…, is missing",
    ),
    "extra view": (
        "CREATE VIEW names AS SELECT 1 AS one",
        "view names: was not there, is SELECT 1 AS one;",
    ),
    "extra sequence": (
        "CREATE SEQUENCE numbers AS integer",
        "sequence numbers: was not there, is integer start 1, increment 1, minimum 1, "
        "maximum 2147483647, cache 1",
    ),
    "row security": (
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "table users: row security was disabled, is enabled",
    ),
    "policy": (
        "CREATE POLICY nobody ON users USING (false)",
        "policy users.nobody: was not there, is FOR ALL TO public USING (false)",
    ),
    "rule": (
        "CREATE RULE keep AS ON DELETE TO users DO INSTEAD NOTHING",
        "rule users.keep: was not there, is CREATE RULE keep AS\\n    ON DELETE TO public.users "
        "DO INSTEAD NOTHING;",
    ),
    "unlogged table": (
        "ALTER TABLE track_history SET UNLOGGED",
        "table track_history: persistence was permanent, is unlogged",
    ),
    "storage parameter": (
        "ALTER TABLE rooms SET (autovacuum_enabled = off)",
        "table rooms: options was none, is autovacuum_enabled=off",
    ),
    "statistics": (
        "CREATE STATISTICS pair ON album, genre FROM tracks",
        "object statistics object public.pair: was not there, is CREATE STATISTICS public.pair "
        "ON album, genre FROM public.tracks",
    ),
}


def test_there_is_none_after_the_migrations(live, expected):
    assert compare(expected, read_snapshot(live)) == []


@pytest.mark.parametrize(("change", "named"), CHANGES.values(), ids=CHANGES)
def test_a_hand_made_change_is_named(live, expected, change, named):
    live.execute(change)
    assert [str(difference) for difference in compare(expected, read_snapshot(live))] == [named]


def test_a_renamed_column_shows_wherever_it_is_used(live, expected):
    live.execute("ALTER TABLE track_history RENAME created_at TO made_at")
    index = "CREATE INDEX idx_track_history_created_at ON public.track_history USING btree "
    assert [str(difference) for difference in compare(expected, read_snapshot(live))][:2] == [
        "column track_history.created_at: name was created_at, is made_at",
        f"index track_history.idx_track_history_created_at: definition was {index}"
        f"(created_at DESC), is {index}(made_at DESC)",
    ]


def test_two_objects_that_changed_names_are_not_guessed_at(live, expected):
    live.execute("COMMENT ON COLUMN tracks.like_count IS 'n'")
    live.execute("COMMENT ON COLUMN tracks.play_count IS 'n'")
    before = read_snapshot(live)
    live.execute("ALTER TABLE tracks RENAME like_count TO likes")
    live.execute("ALTER TABLE tracks RENAME play_count TO plays")
    columns = [
        (difference.object, difference.property)
        for difference in compare(before, read_snapshot(live))
        if difference.kind == "column"
    ]
    assert columns == [
        ("like_count", None), ("likes", None), ("play_count", None), ("plays", None)
    ]  # fmt: skip


def test_one_extension_is_no_new_name_of_another():
    was = {"extensions": {"pg_trgm": {"schema": "public"}}}
    is_ = {"extensions": {"citext": {"schema": "public"}}}
    assert [str(difference) for difference in compare(was, is_)] == [
        "extension pg_trgm: was schema public, is missing",
    ]


def test_a_legacy_extension_may_be_in_any_schema():
    """`migrate` accepts it in any schema, because nothing in V1 depends on it."""
    was = {"extensions": {"pgcrypto": {"schema": "public"}, "pg_trgm": {"schema": "public"}}}
    is_ = {"extensions": {"pgcrypto": {"schema": "tools"}, "pg_trgm": {"schema": "tools"}}}
    assert [str(difference) for difference in compare(was, is_)] == [
        "extension pg_trgm: schema was public, is tools",
    ]


def test_a_not_null_that_old_rows_may_break(live, expected):
    change = "ALTER TABLE users ADD CONSTRAINT slug_there NOT NULL slug NOT VALID"
    if live.info.server_version < 180000:
        with pytest.raises(psycopg.errors.SyntaxError):
            live.execute(change)
        return
    live.execute(change)
    (difference,) = compare(expected, read_snapshot(live))
    assert str(difference) == (
        "column users.slug: nullability was NULL, is NOT NULL NOT VALID"
    )  # fmt: skip


def test_only_a_server_that_ships_a_legacy_extension_has_to_have_it(live, expected):
    shipped = [
        name
        for (name,) in live.execute(
            "SELECT name FROM pg_available_extensions WHERE name = ANY (%s) ORDER BY name",
            [list(LEGACY_EXTENSIONS)],
        )
    ]
    for name in LEGACY_EXTENSIONS:
        live.execute(f'DROP EXTENSION IF EXISTS "{name}"')
    assert compare(expected, read_snapshot(live)) == [
        Difference("extension", None, name, None, "schema public", None) for name in shipped
    ]


def test_an_extension_of_the_servers_owner_is_ignored(live, expected):
    live.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
    assert compare(expected, read_snapshot(live)) == []


def test_a_difference_is_one_line_of_plain_values(live, expected):
    live.execute("COMMENT ON TABLE rooms IS E'two\nlines'")
    (difference,) = compare(expected, read_snapshot(live))
    assert difference == Difference(
        "table", None, "rooms", "comment", expected["tables"]["rooms"]["comment"], "two\nlines"
    )
    assert "\n" not in str(difference)


def test_long_values_are_shown_where_they_differ(live, expected):
    live.execute(f"COMMENT ON TABLE rooms IS '{'x' * 500}a{'y' * 500}'")
    before = read_snapshot(live)
    live.execute(f"COMMENT ON TABLE rooms IS '{'x' * 500}b{'y' * 500}'")
    (difference,) = compare(before, read_snapshot(live))
    assert "xay" in str(difference)
    assert "xby" in str(difference)
    assert len(str(difference)) < 300
