"""The printed SQL fixes its findings, and changes nothing else."""

import psycopg
import pytest

from tests.audit.conftest import psql
from tests.audit.fixing import EXAMPLES, execute, fixes, load_examples, objects, one, report
from veza_core.schema.audit.reporters import sql
from veza_core.schema.audit.rules import CATALOG_RULES


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.id)
def test_page_shows_the_sql_that_is_printed(rule, scratch):
    scratch.run(rule.bad)
    printed = [each for each in scratch.findings(rules=[rule]) if each.object == rule.example]
    assert rule.fix == "\n".join(each.fix.sql for each in printed if each.fix)
    assert {each.changes for each in printed if each.fix} <= {rule.changes}


@pytest.mark.process
def test_fixes_of_all_examples_in_one_round(make_database):
    """After a fix, its finding is gone, and there is none of another rule."""
    url = make_database("audit_round")
    schemas = load_examples(url)
    before = report(url, *schemas)
    done = psql(url, sql.render(before))
    assert (done.returncode, done.stderr) == (0, "")
    after = objects(report(url, *schemas))
    assert after & set(fixes(before)) == set()
    assert after - objects(before) == set()


@pytest.mark.process
def test_nothing_is_ever_deleted_by_a_new_key(make_database):
    """A key that refused a delete still does, and its other properties stay."""
    url = make_database("audit_keys")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY, code text UNIQUE)",
        'CREATE TABLE plays (id uuid PRIMARY KEY, user_id uuid NOT NULL CONSTRAINT "Key\'s" '
        "REFERENCES users ON UPDATE CASCADE, code text CONSTRAINT late REFERENCES users (code) "
        "MATCH FULL DEFERRABLE INITIALLY DEFERRED, owner_id uuid)",
        "COMMENT ON CONSTRAINT \"Key's\" ON plays IS E'It''s \\\\ a\nkey'",
    )
    state = (
        "SELECT conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') "
        "FROM pg_constraint WHERE contype = 'f' ORDER BY 1"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute(state).fetchall()
        rules = [rule for rule in CATALOG_RULES if rule.id == "fk-on-delete"]
        done = psql(url, sql.render(report(url, rules=rules)))
        assert (done.returncode, done.stderr) == (0, "")
        (name, definition, comment), *others = before
        changed = f"{definition} ON DELETE RESTRICT"
        assert connection.execute(state).fetchall() == [(name, changed, comment), *others]
        assert psql(url, sql.render(report(url))).returncode == 0
        actions = connection.execute("SELECT DISTINCT confdeltype::text FROM pg_constraint "
                                     "WHERE contype = 'f'").fetchall()  # fmt: skip
    assert {action for (action,) in actions} <= {"r", "a"}


@pytest.mark.process
def test_index_of_a_partitioned_table_is_built_part_by_part(make_database):
    """Without blocking writes, and with the existing indexes of partitions, at any depth."""
    url = make_database("audit_parts")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE songs (id int, user_id uuid REFERENCES users ON DELETE CASCADE) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE songs_0 PARTITION OF songs FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE songs_1 PARTITION OF songs FOR VALUES FROM (10) TO (20) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE songs_10 PARTITION OF songs_1 FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE songs_2 PARTITION OF songs FOR VALUES FROM (20) TO (30)",
        "CREATE INDEX by_user ON songs_2 (user_id)",
        "CREATE TABLE scores (id int, user_id uuid) PARTITION BY RANGE (id)",
        "CREATE TABLE scores_0 PARTITION OF scores FOR VALUES FROM (0) TO (10)",
    )
    before = report(url)
    script = sql.render(before)
    assert "CREATE INDEX idx_songs_user_id ON ONLY public.songs " in script
    for part in ("songs_0", "songs_10", "scores_0"):
        assert f"CREATE INDEX CONCURRENTLY idx_{part}_user_id ON public.{part} " in script
    assert "songs_2 " not in script
    done = psql(url, script)
    assert (done.returncode, done.stderr) == (0, "")
    after = objects(report(url))
    assert after & set(fixes(before)) == set()
    assert after - objects(before) == set()
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT bool_and(indisvalid), count(*) FROM pg_index i JOIN pg_class c "
            "ON c.oid = i.indexrelid WHERE c.relname LIKE 'idx_%user_id' OR relname = 'by_user'"
        ).fetchall()
        assert rows == [(True, 7)]
        [(key,)] = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = "
            "'scores_user_id_fkey' AND conrelid = 'scores'::regclass"
        ).fetchall()
        assert key == "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE RESTRICT"


@pytest.mark.process
def test_column_that_makes_a_feed_brings_its_index(make_database):
    url = make_database("audit_feed")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE posts (id uuid PRIMARY KEY, user_id uuid REFERENCES users ON DELETE CASCADE)",
        "CREATE TABLE likes (id uuid PRIMARY KEY, user_id uuid REFERENCES users ON DELETE CASCADE, "
        "created_at timestamptz)",
        "CREATE INDEX by_user ON likes (user_id)",
    )
    before = report(url)
    assert psql(url, sql.render(before)).returncode == 0
    after = objects(report(url))
    assert after & set(fixes(before)) == after - objects(before) == set()
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname !~ 'pkey'"
        ).fetchall()
    assert sorted(rows) == [("idx_likes_user_id_created_at",), ("idx_posts_user_id_created_at",)]


@pytest.mark.process
@pytest.mark.parametrize(
    ("feed", "other", "needless"),
    [
        ("(user_id, created_at DESC)", "(user_id DESC, created_at)", "other"),
        ("(user_id, created_at DESC)", "(user_id, created_at DESC, deleted_at)", "feed"),
        ("(user_id, created_at DESC)", "(user_id DESC, created_at, deleted_at)", None),
    ],
)
def test_index_too_many_is_never_the_one_that_a_feed_has(make_database, feed, other, needless):
    url = make_database("audit_feed_twice")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE posts (id uuid PRIMARY KEY, created_at timestamptz, deleted_at timestamptz,"
        " user_id uuid REFERENCES users ON DELETE CASCADE)",
        f"CREATE INDEX feed ON posts {feed}",
        f"CREATE INDEX other ON posts {other}",
    )
    before = report(url)
    found = {
        name for rule, name in objects(before) if rule in ("index-duplicate", "index-redundant")
    }
    assert found == ({f"public.{needless}"} if needless else set())
    assert psql(url, sql.render(before)).returncode == 0
    after = objects(report(url))
    assert "feed-not-indexed" not in {rule for rule, _ in after}
    assert not {rule for rule, _ in after} & {"index-duplicate", "index-redundant"}


@pytest.mark.process
def test_unique_index_over_duplicates_shows_them_and_is_not_built_again(make_database):
    url = make_database("audit_twice")
    execute(
        url,
        "CREATE TABLE users (id int, email text, name text)",
        "INSERT INTO users VALUES (1, 'a@b', 'x'), (2, 'a@b', 'y'), (3, 'A@b', 'z'), "
        "(4, NULL, 'z'), (5, NULL, 'y')",
    )
    for build in (
        "CREATE UNIQUE INDEX CONCURRENTLY broken ON users (email)",
        "CREATE UNIQUE INDEX CONCURRENTLY folded ON users (lower(email)) WHERE id > 1",
    ):
        with pytest.raises(psycopg.errors.UniqueViolation):
            execute(url, build)
    rules = [rule for rule in CATALOG_RULES if rule.id == "index-invalid"]
    found = report(url, rules=rules)
    script = sql.render(found)
    assert "\nREINDEX" not in script
    shown = psql(url, script).stdout
    assert "a@b   |     2" in shown
    assert " a@b   |     2" in shown.split("folded")[1]
    # Without the duplicates, the remedy is enough.
    execute(url, "DELETE FROM users WHERE id = 2", "REINDEX INDEX CONCURRENTLY broken")
    assert objects(report(url, rules=rules)) == {("index-invalid", "public.folded")}


def test_invalid_index_goes_where_another_one_does_the_same(scratch):
    scratch.run(
        "CREATE TABLE plays (a int); CREATE INDEX good ON plays (a); CREATE INDEX bad ON plays (a);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad'::regclass"
    )
    fix = one(scratch, "index-invalid", "public.bad").fix
    assert fix.statements == ("DROP INDEX CONCURRENTLY public.bad;",)


def test_partial_unique_index_says_what_it_breaks(scratch):
    scratch.run(
        "CREATE TABLE users (email text CONSTRAINT one_email UNIQUE, place int CONSTRAINT places "
        "UNIQUE DEFERRABLE, deleted_at timestamptz); COMMENT ON CONSTRAINT one_email ON users "
        "IS 'of one'"
    )
    found = one(scratch, "unique-not-partial", "public.one_email")
    assert "ON CONFLICT (email) fails until it says" in found.changes
    assert "ON CONFLICT ON CONSTRAINT one_email fails" in found.changes
    assert found.fix.statements[-1] == "COMMENT ON INDEX public.idx_users_email IS 'of one';"
    assert one(scratch, "unique-not-partial", "public.places").fix is None


def test_a_name_that_a_partition_already_uses_is_not_given(scratch):
    """PostgreSQL renames and adds a check in each partition, too."""
    scratch.run("""
        CREATE TABLE plays (ms int CONSTRAINT plays_ms_check CHECK (ms > 0), created_at timestamptz)
            PARTITION BY RANGE (ms);
        CREATE TABLE plays_0 PARTITION OF plays (CONSTRAINT chk_plays_ms CHECK (ms < 9),
            CONSTRAINT chk_created_at_not_null CHECK (created_at > '2020-01-01')) DEFAULT""")
    assert one(scratch, "check-name", "public.plays.plays_ms_check").fix is None
    assert one(scratch, "timestamps-nullable", "public.plays.created_at").fix is None
    for statement in (
        "ALTER TABLE plays RENAME CONSTRAINT plays_ms_check TO chk_plays_ms",
        "ALTER TABLE plays ADD CONSTRAINT chk_created_at_not_null CHECK (created_at IS NOT NULL)",
    ):
        with pytest.raises(psycopg.errors.DuplicateObject), scratch.connection.transaction():
            scratch.run(statement)


@pytest.mark.process
def test_a_duplicate_key_is_only_dropped(make_database):
    """Not replaced, and not renamed, as other rules would."""
    url = make_database("audit_duplicate_keys")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE plays (user_id uuid REFERENCES users)",
        "CREATE INDEX idx_plays_user_id ON plays (user_id)",
        "ALTER TABLE plays ADD FOREIGN KEY (user_id) REFERENCES users",
        "CREATE TABLE likes (user_id uuid CONSTRAINT likes_user_id_fkey REFERENCES users "
        "ON DELETE CASCADE) PARTITION BY HASH (user_id)",
        "CREATE TABLE likes_0 PARTITION OF likes FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "ALTER TABLE likes_0 ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users "
        "ON DELETE CASCADE",
        "CREATE INDEX idx_likes_user_id ON likes (user_id)",
    )
    before = report(url)
    gone = {"public.plays.plays_user_id_fkey1", "public.likes_0.again"}
    assert {rule for rule, where in fixes(before) if where in gone} == {"fk-duplicate"}
    assert ("fk-name", "public.likes_0.again") in objects(before)
    done = psql(url, sql.render(before))
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(url) as connection:
        keys = connection.execute(
            "SELECT conname, confdeltype::text FROM pg_constraint "
            "WHERE contype = 'f' AND conparentid = 0 ORDER BY 1"
        ).fetchall()
    assert keys == [("likes_user_id_fkey", "c"), ("plays_user_id_fkey", "r")]


def test_a_duplicate_key_with_another_action_has_no_sql(scratch):
    scratch.run("""
        CREATE TABLE users (id uuid PRIMARY KEY);
        CREATE TABLE plays (user_id uuid REFERENCES users ON DELETE CASCADE);
        ALTER TABLE plays ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE RESTRICT""")
    assert one(scratch, "fk-duplicate", "public.plays.plays_user_id_fkey1").fix is None
