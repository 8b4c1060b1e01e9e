"""The printed SQL: what it says it does is so, it fixes what it is for, and it leaves the rest."""

import psycopg
import pytest

from tests.audit.conftest import psql
from veza_core.schema.audit.effects import Lock, Work, effect
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.quoting import ident
from veza_core.schema.audit.reporters import sql
from veza_core.schema.audit.rules import CATALOG_RULES

#: Its example makes a role, which belongs to the whole server.
WITH_A_ROLE = ("owner-differs",)

EXAMPLES = [rule for rule in CATALOG_RULES if rule.id not in WITH_A_ROLE]


def report(url, *schemas, rules=CATALOG_RULES):
    with psycopg.connect(url) as connection:
        return audit(connection, schemas or ("public",), rules)


def objects(found):
    return {(each.rule.id, each.object) for each in found.findings}


def fixes(found):
    return {(each.rule.id, each.object): each.fix for each in found.findings if each.fix}


def execute(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def one(scratch, rule, name):
    """The finding of that rule on that object."""
    [found] = [each for each in scratch.findings() if (each.rule.id, each.object) == (rule, name)]
    return found


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.id)
def test_page_shows_the_sql_that_is_printed(rule, scratch):
    scratch.run(rule.bad)
    printed = [each for each in scratch.findings(rules=[rule]) if each.object == rule.example]
    assert rule.fix == "\n".join(each.fix.sql for each in printed if each.fix)
    assert {each.changes for each in printed if each.fix} <= {rule.changes}


#: The strongest of a session's locks on what was there before its transaction began.
STRONGEST = """
SELECT l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND n.nspname = ANY(%s) AND c.oid = ANY(%s)
ORDER BY array_position(ARRAY['AccessExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
    'ShareUpdateExclusiveLock'], l.mode) LIMIT 1
"""
MODES = {
    "AccessExclusiveLock": Lock.ACCESS_EXCLUSIVE,
    "ShareRowExclusiveLock": Lock.SHARE_ROW_EXCLUSIVE,
    "ShareLock": Lock.SHARE,
    "ShareUpdateExclusiveLock": Lock.SHARE_UPDATE_EXCLUSIVE,
}
FILES = """
SELECT c.oid, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s)
"""


def files(connection, *schemas):
    """The files of tables and indexes, by object identifier."""
    return dict(connection.execute(FILES, [list(schemas)]).fetchall())


def check_effects(connection, schemas, statements):
    """Run the statements, each in its transaction, and compare its locks and files."""
    for statement in statements:
        said = effect(statement)
        before = files(connection, *schemas)
        if said.is_concurrent:
            connection.commit()
            connection.autocommit = True
            connection.execute(statement)
            connection.autocommit = False
        else:
            connection.rollback()
            connection.execute(statement)
            row = connection.execute(STRONGEST, [schemas, list(before)]).fetchone()
            held = MODES.get(row[0], Lock.NONE) if row else Lock.NONE
            assert held == said.lock, statement
            connection.commit()
        is_new = bool(set(files(connection, *schemas).values()) - set(before.values()))
        assert is_new <= (said.work in (Work.REWRITE, Work.BUILD) or " ON ONLY " in statement)


def load_examples(url):
    """Make a schema of each rule's bad example; returns the schemas' names."""
    schemas = ["public"]
    with psycopg.connect(url) as connection:
        for rule in EXAMPLES:
            if rule.group != "governance":
                schemas.append(rule.id)
                connection.execute(f"CREATE SCHEMA {ident(rule.id)}")
            connection.execute(f"SET LOCAL search_path = {ident(schemas[-1])}, public")
            connection.execute(rule.bad)
            connection.commit()
    return schemas


def test_fixes_of_all_examples_in_one_round(make_database):
    """A fix that is applied leaves no finding, and makes none of another rule."""
    url = make_database("audit_round")
    schemas = load_examples(url)
    before = report(url, *schemas)
    done = psql(url, sql.render(before))
    assert (done.returncode, done.stderr) == (0, "")
    after = objects(report(url, *schemas))
    assert after & set(fixes(before)) == set()
    assert after - objects(before) == set()


def test_locks_and_rewrites_are_as_they_are_said(make_database):
    url = make_database("audit_effects")
    schemas = load_examples(url)
    execute(
        url,
        "CREATE TABLE public.parted (id uuid, user_id uuid) PARTITION BY HASH (id)",
        "CREATE TABLE public.parted_0 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, "
        "REMAINDER 0)",
        "CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, "
        "REMAINDER 1)",
        "CREATE TABLE public.users (id uuid PRIMARY KEY)",
    )
    statements = {}
    for each in sorted(fixes(report(url, *schemas)).values(), key=lambda fix: fix.stage):
        statements |= dict.fromkeys(each.statements)
    with psycopg.connect(url) as connection:
        check_effects(connection, schemas, statements)
    assert {Lock.SHARE, Lock.SHARE_ROW_EXCLUSIVE} < {effect(each).lock for each in statements}


def test_form_that_is_not_known_is_taken_for_the_worst():
    assert effect("CLUSTER public.plays;").work == Work.REWRITE
    assert effect('ALTER TABLE public."x VALIDATE CONSTRAINT" SET SCHEMA y;').work == Work.REWRITE


def test_nothing_is_ever_deleted_by_a_new_key(make_database):
    """A key that refused a delete still does; what it is beside that stays."""
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


VARCHAR = "CREATE TABLE plays (id uuid PRIMARY KEY, source varchar, other text);"


@pytest.mark.parametrize(
    "more",
    [
        "CREATE INDEX ON plays (other) WHERE source <> ''",
        "CREATE INDEX ON plays (lower(source))",
        "ALTER TABLE plays ADD CHECK (source <> '')",
        "CREATE TABLE heir () INHERITS (plays); CREATE INDEX ON heir (lower(source))",
        "CREATE VIEW seen AS SELECT source FROM plays",
    ],
)
def test_text_is_not_printed_where_it_costs_more_than_the_catalog(scratch, more):
    scratch.run(f"{VARCHAR} {more}")
    assert one(scratch, "type-varchar-unbounded", "public.plays.source").fix is None


@pytest.mark.parametrize(
    "more",
    [
        "",
        "CREATE INDEX ON plays (source)",
        "CREATE UNIQUE INDEX ON plays (source, other) INCLUDE (id)",
        "ALTER TABLE plays ADD UNIQUE (source)",
        "ALTER TABLE plays ADD FOREIGN KEY (source) REFERENCES plays (source)",
        "CREATE TABLE heir () INHERITS (plays); CREATE INDEX ON heir (source)",
        "CREATE STATISTICS pair ON source, other FROM plays",
    ],
)
def test_text_that_is_printed_rewrites_nothing(scratch, more):
    unique = "ALTER TABLE plays ADD UNIQUE (source);" if "FOREIGN" in more else ""
    scratch.run(f"{VARCHAR} {unique} {more}")
    fix = one(scratch, "type-varchar-unbounded", "public.plays.source").fix
    before = files(scratch.connection, "public")
    scratch.run(fix.sql)
    # An index may be another object; it has the same file.
    assert set(files(scratch.connection, "public").values()) == set(before.values())


def test_index_of_a_partitioned_table_is_built_part_by_part(make_database):
    """Beside running writes, by way of what is there already, however deep the parts are."""
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
    # The values are no longer there twice, and what the remedy says is enough.
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


def test_fix_that_fails_leaves_nothing_half_done_and_the_others_are_tried(make_database):
    url = make_database("audit_failing")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, created_at timestamptz, "
        "label varchar)",
        "INSERT INTO users (id, email) SELECT gen_random_uuid(), 'a@b' FROM generate_series(1, 2)",
        "CREATE TABLE plays (id uuid PRIMARY KEY, user_id uuid NOT NULL)",
        "INSERT INTO plays SELECT gen_random_uuid(), gen_random_uuid()",
    )
    names = {"search-not-unique", "timestamps-nullable", "fk-missing", "type-varchar-unbounded"}
    rules = [rule for rule in CATALOG_RULES if rule.id in names]
    before = report(url, rules=rules)
    assert {each.rule.id for each in before.findings} == names
    done = psql(url, sql.render(before))
    assert done.returncode == 3
    for failed in (
        "search-not-unique public.users.email: could not create unique index",
        "timestamps-nullable public.users.created_at: check constraint",
        "fk-missing public.plays.user_id: insert or update on table",
    ):
        assert failed in done.stderr.partition("Failed:")[2]
    assert " a@b   |     2" in done.stdout
    after = report(url)
    assert {each.rule.id for each in after.findings if each.rule.id in names} == names - {
        "type-varchar-unbounded"
    }
    left = {"index-invalid", "check-name", "fk-not-valid"}
    assert not left & {each.rule.id for each in after.findings}


def test_nobody_waits_long_behind_a_statement_that_waits(make_database):
    """A reader that does not end makes the statement give up, and the rest is applied."""
    url = make_database("audit_beside")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE plays (id uuid PRIMARY KEY, user_id uuid REFERENCES users ON DELETE CASCADE)",
    )
    names = {"pk-default", "fk-not-indexed"}
    rules = [rule for rule in CATALOG_RULES if rule.id in names]
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM plays")
        # It ends while the reader still holds its lock.
        done = psql(url, sql.render(report(url, rules=rules)), "-v", "lock_timeout=100ms")
        assert reader.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert done.returncode == 3
    assert "pk-default public.plays.id: canceling statement due to lock timeout" in done.stderr
    assert objects(report(url, rules=rules)) == {("pk-default", "public.plays.id")}


def test_name_that_was_taken_meanwhile_keeps_its_index(make_database):
    """What fails because somebody else was there first takes nothing back."""
    url = make_database("audit_taken")
    execute(url, "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL)")
    rules = [rule for rule in CATALOG_RULES if rule.id == "search-not-unique"]
    script = sql.render(report(url, rules=rules))
    execute(
        url,
        "CREATE INDEX idx_users_email ON users (id)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass",
    )
    assert psql(url, script).returncode == 3
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('idx_users_email')").fetchone() != (None,)


def test_script_does_not_run_inside_a_transaction(make_database):
    url = make_database("audit_inside")
    execute(url, "CREATE TABLE users (id uuid PRIMARY KEY)")
    done = psql(url, sql.render(report(url)), "-1")
    assert done.returncode == 3
    assert "leave out psql -1" in done.stderr
    assert ("pk-default", "public.users.id") in objects(report(url))
