"""What the catalog shows about tables: identifying columns, feeds, junction tables."""

import pytest

CORE = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, username text NOT NULL, slug text);
CREATE TABLE tracks (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id), slug text);
CREATE TABLE playlists (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id));
CREATE TABLE roles (id uuid PRIMARY KEY);
"""


def objects(scratch, rule):
    return {where for found, where in scratch.seen() if found == rule}


def test_what_names_a_row_has_to_be_unique(scratch):
    scratch.run(CORE)
    assert objects(scratch, "search-not-unique") == {
        "public.users.email",
        "public.users.username",
        "public.users.slug",
        "public.tracks.slug",
    }


@pytest.mark.parametrize(
    "table",
    [
        "federated_identities (user_id uuid REFERENCES users (id), email text)",
        "email_verification_tokens (user_id uuid NOT NULL REFERENCES users (id),"
        " email text NOT NULL, token_hash text UNIQUE)",
        "invitations (email text NOT NULL, invitation_token text)",
        "orders (role_id uuid REFERENCES roles (id), email text NOT NULL)",
        "companies (name text, email text)",
        "sign_in_logs (username text NOT NULL)",
        "track_versions (track_id uuid REFERENCES tracks (id), slug text)",
    ],
)
def test_copies_and_contacts_need_not_be(scratch, table):
    scratch.run(f"{CORE} CREATE TABLE {table};")
    assert objects(scratch, "search-not-unique") <= {
        "public.users.email",
        "public.users.username",
        "public.users.slug",
        "public.tracks.slug",
    }


@pytest.mark.parametrize(
    "table",
    [
        "members (team_id uuid REFERENCES roles (id), email text)",
        "readers (email text NOT NULL)",
        "staff (role_id uuid NOT NULL REFERENCES roles (id), email text, password_hash text)",
        "writers (id uuid PRIMARY KEY, role_id uuid REFERENCES roles (id), email text);"
        " CREATE TABLE books (author_id uuid REFERENCES writers (id))",
    ],
)
def test_accounts_are_known_by_name_password_or_reference(scratch, table):
    scratch.run(f"{CORE} CREATE TABLE {table};")
    name = table.split()[0]
    assert f"public.{name}.email" in objects(scratch, "search-not-unique")


@pytest.mark.parametrize(
    ("index", "unique"),
    [
        ("CREATE UNIQUE INDEX ON tracks (slug)", True),
        ("CREATE UNIQUE INDEX ON tracks (lower(slug))", True),
        ("CREATE UNIQUE INDEX ON tracks (slug) WHERE slug IS NOT NULL", True),
        ("CREATE UNIQUE INDEX ON tracks (user_id, slug)", True),
        ("ALTER TABLE tracks ADD UNIQUE (slug) DEFERRABLE", True),
        ("ALTER TABLE tracks ADD EXCLUDE USING hash (slug WITH =)", True),
        ("CREATE INDEX ON tracks (slug)", False),
        ("CREATE UNIQUE INDEX ON tracks (slug, id)", False),
        ("CREATE UNIQUE INDEX ON tracks (slug) WHERE id IS NULL", False),
        # Equal slugs have equal values of any expression of the slug.
        ("CREATE UNIQUE INDEX ON tracks (md5(btrim(slug)))", True),
        ("CREATE UNIQUE INDEX ON tracks (slug) WHERE slug <> ''", True),
        ("CREATE UNIQUE INDEX ON tracks (nullif(slug, 'x'))", False),
        ("CREATE UNIQUE INDEX ON tracks (lower(slug || user_id::text))", False),
        ("ALTER TABLE tracks ADD locale text; CREATE UNIQUE INDEX ON tracks (locale, slug)", True),
        ("ALTER TABLE tracks ADD at timestamptz; CREATE UNIQUE INDEX ON tracks (slug, at)", False),
        (
            "ALTER TABLE tracks ADD parent_id uuid REFERENCES tracks (id);"
            " CREATE UNIQUE INDEX ON tracks (parent_id, slug)",
            True,
        ),
    ],
)
def test_which_index_makes_a_slug_unique(scratch, index, unique):
    scratch.run(f"{CORE} {index};")
    assert ("public.tracks.slug" in objects(scratch, "search-not-unique")) != unique


def test_slug_of_a_partitioned_table(scratch):
    """PostgreSQL requires the partition key in every unique index."""
    scratch.run("""
        CREATE TABLE posts (at date, slug text) PARTITION BY RANGE (at);
        CREATE UNIQUE INDEX ON posts (slug, at);
        CREATE TABLE pages (at date, slug text) PARTITION BY RANGE (at);
    """)
    assert objects(scratch, "search-not-unique") == {"public.pages.slug"}


@pytest.mark.parametrize(
    "table",
    [
        "posts (user_id uuid REFERENCES users (id), created_at timestamptz)",
        "entries (user_id uuid, created_at timestamptz, deleted_at timestamptz)",
        "track_plays (user_id uuid, created_at timestamptz)",
        "stars (user_id uuid, track_id uuid, created_at timestamptz, deleted_at timestamptz,"
        " UNIQUE (user_id, track_id))",
    ],
)
def test_feed_needs_its_index(scratch, table):
    scratch.run(f"{CORE} CREATE TABLE {table};")
    name = table.split()[0]
    assert f"public.{name}" in objects(scratch, "feed-not-indexed")


@pytest.mark.parametrize(
    "table",
    [
        "posts (created_at timestamptz)",
        "posts (role_id uuid REFERENCES roles (id), created_at timestamptz)",
        "posts (user_id uuid, at timestamptz)",
        "addresses (user_id uuid, created_at timestamptz)",
        "settings (user_id uuid UNIQUE, created_at timestamptz, deleted_at timestamptz)",
        "sessions (user_id uuid, token_hash text, created_at timestamptz, deleted_at timestamptz)",
        "keys (user_id uuid, code text NOT NULL UNIQUE, created_at timestamptz,"
        " deleted_at timestamptz)",
        "playlist_tracks (playlist_id uuid, user_id uuid, position integer,"
        " created_at timestamptz, deleted_at timestamptz, UNIQUE (playlist_id, user_id))",
    ],
)
def test_what_is_no_feed(scratch, table):
    scratch.run(f"{CORE} CREATE TABLE {table};")
    assert objects(scratch, "feed-not-indexed") == set()


@pytest.mark.parametrize(
    ("index", "serves"),
    [
        ("(created_at DESC)", True),
        ("(user_id, created_at DESC)", True),
        ("(created_at DESC, id DESC)", True),
        ("(user_id, created_at DESC) WHERE deleted_at IS NULL", True),
        ("(user_id, created_at DESC, deleted_at)", True),
        ("(created_at)", False),
        ("(created_at DESC, user_id)", False),
        ("(user_id) INCLUDE (created_at)", False),
        ("USING brin (created_at)", False),
    ],
)
def test_which_index_serves_a_feed(scratch, index, serves):
    scratch.run(f"""
        {CORE}
        CREATE TABLE posts (id uuid, user_id uuid, created_at timestamptz, deleted_at timestamptz);
        CREATE INDEX ON posts {index};
    """)
    assert (objects(scratch, "feed-not-indexed") == set()) == serves


SOFT_SISTER = """
CREATE TABLE playlist_follows (playlist_id uuid REFERENCES playlists (id),
    user_id uuid REFERENCES users (id), deleted_at timestamptz, PRIMARY KEY (playlist_id, user_id));
"""


@pytest.mark.parametrize(
    "table",
    [
        "stars (playlist_id uuid, user_id uuid, UNIQUE (playlist_id, user_id))",
        "stars (playlist_id uuid, user_id uuid, PRIMARY KEY (playlist_id, user_id))",
        "playlist_tracks (id bigserial PRIMARY KEY, playlist_id uuid REFERENCES playlists (id),"
        " track_id uuid REFERENCES tracks (id), position integer, added_at timestamptz)",
    ],
)
def test_junction_without_soft_delete(scratch, table):
    scratch.run(f"{CORE} {SOFT_SISTER} CREATE TABLE {table};")
    assert objects(scratch, "junction-soft-delete") == {f"public.{table.split()[0]}"}


@pytest.mark.parametrize(
    "table",
    [
        # A log, which may contain a pair many times.
        "playlist_plays (playlist_id uuid, user_id uuid, created_at timestamptz)",
        # Related only by the account, which is not a resource.
        "user_roles (user_id uuid, role_id uuid, UNIQUE (user_id, role_id))",
        # Not related.
        "track_roles (track_id uuid, role_id uuid, UNIQUE (track_id, role_id))",
        # Not a pair.
        "playlist_covers (playlist_id uuid UNIQUE, user_id uuid)",
        "playlist_slots (playlist_id uuid, track_id uuid, slot int, UNIQUE (playlist_id, slot))",
    ],
)
def test_similar_tables_that_are_not_siblings(scratch, table):
    scratch.run(f"{CORE} {SOFT_SISTER} CREATE TABLE {table};")
    assert objects(scratch, "junction-soft-delete") == set()


TABLE = "CREATE TABLE plays (updated_at timestamptz, n int);"
FUNCTION = """
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NEW.n := 1; NEW.updated_at := now(); RETURN NEW; END; $$;
"""


def trigger(timing, name="update_plays_updated_at", function="update_updated_at_column"):
    return f"CREATE TRIGGER {name} {timing} EXECUTE FUNCTION {function}();"


@pytest.mark.parametrize(
    ("ddl", "rules"),
    [
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW"), set()),
        (trigger("BEFORE INSERT OR UPDATE ON plays FOR EACH ROW"), {"trigger-timing"}),
        (trigger("BEFORE UPDATE OF n ON plays FOR EACH ROW"), {"trigger-timing"}),
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW WHEN (OLD.n <> NEW.n)"), {"trigger-timing"}),
        (trigger("BEFORE UPDATE ON plays"), {"trigger-timing"}),
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW", "touch_it"), {"trigger-name"}),
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW", "touch_it", "touch"),
         {"trigger-name", "trigger-function"}),
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW")
         + "ALTER TABLE plays ENABLE REPLICA TRIGGER update_plays_updated_at;",
         {"trigger-disabled"}),
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW")
         + "ALTER TABLE plays ENABLE ALWAYS TRIGGER update_plays_updated_at;", set()),
        # Besides the correct trigger, any other is allowed.
        (trigger("BEFORE UPDATE ON plays FOR EACH ROW")
         + trigger("AFTER INSERT OR DELETE ON plays FOR EACH ROW", "other", "touch"), set()),
        (trigger("AFTER DELETE ON plays FOR EACH ROW", "other", "touch"), {"trigger-missing"}),
    ],
)  # fmt: skip
def test_trigger_is_found_right_or_wrong(scratch, ddl, rules):
    scratch.run(f"{TABLE} {FUNCTION} {ddl}")
    assert {rule for rule, _ in scratch.seen() if rule.startswith("trigger-")} == rules


@pytest.mark.parametrize(
    ("ddl", "right"),
    [
        ("AS $$ begin new.updated_at:=current_timestamp; return new; end $$ SET search_path = ''",
         True),
        ("AS $$ BEGIN\n-- why\nNEW.updated_at = CURRENT_TIMESTAMP; /* x */ RETURN NEW ; END; $$"
         " SET search_path = ''", True),
        ("AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$", False),
        ("AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$"
         " SET search_path = public", False),
        ("AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN OLD; END; $$"
         " SET search_path = ''", False),
    ],
)  # fmt: skip
def test_function_is_compared_by_what_it_does(scratch, ddl, right):
    scratch.run(
        f"CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql {ddl};"
    )
    found = objects(scratch, "trigger-function-changed")
    assert found == (set() if right else {"public.update_updated_at_column()"})


def test_owner_is_whoever_owns_most(scratch):
    scratch.run("""
        CREATE ROLE one; CREATE ROLE "An Other"; GRANT CREATE ON SCHEMA public TO one;
        SET LOCAL ROLE one;
        CREATE TABLE a (id bigserial); CREATE TABLE b (id int); CREATE TYPE c AS ENUM ('x');
        RESET ROLE;
        CREATE VIEW v AS SELECT 1; CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql
            AS 'SELECT 1'; CREATE DOMAIN d AS text;
        ALTER TYPE c OWNER TO "An Other";
        CREATE TABLE e (id int); ALTER TABLE e OWNER TO one;
        CREATE TABLE g (id int); ALTER TABLE g OWNER TO one;
    """)
    found = {
        each.object: each.fix.sql for each in scratch.findings() if each.rule.id == "owner-differs"
    }
    assert found == {
        "public.c": "ALTER TYPE public.c OWNER TO one;",
        "public.d": "ALTER DOMAIN public.d OWNER TO one;",
        "public.f(a integer, b text)": "ALTER ROUTINE public.f(a integer, b text) OWNER TO one;",
        "public.v": "ALTER VIEW public.v OWNER TO one;",
    }
    for statement in found.values():
        scratch.run(statement)
    assert objects(scratch, "owner-differs") == set()
