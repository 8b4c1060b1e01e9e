"""Findings are correct: for partitions in other schemas, collations, partition keys, triggers."""

import psycopg
import pytest

from tests.audit.test_meaning import FUNCTION, TABLE, trigger
from tests.audit.test_odd_keys import USERS


def objects(scratch, rule):
    return {where for found, where in scratch.seen() if found == rule}


def messages(scratch, rule):
    return [each.message for each in scratch.findings() if each.rule.id == rule]


COUNTRIES = """
CREATE TABLE countries (code text COLLATE {target} PRIMARY KEY);
CREATE TABLE plays (country text COLLATE {own} REFERENCES countries (code) ON DELETE CASCADE);
CREATE INDEX ON plays (country COLLATE {index});
"""


@pytest.mark.parametrize(
    ("target", "own", "index", "serves"),
    [
        ('"C"', '"C"', '"C"', True),
        ('"C"', '"C"', '"POSIX"', False),
        ('"C"', '"POSIX"', '"POSIX"', True),
        ("folded", "folded", "folded", True),
        ("folded", "folded", '"C"', False),
    ],
)
def test_collation_of_an_index_and_of_a_foreign_key(scratch, target, own, index, serves):
    """The planner must agree that it can use the index for such a check."""
    if target == "folded":
        try:
            scratch.run(
                "CREATE COLLATION folded"
                " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
            )
        except psycopg.errors.FeatureNotSupported:
            pytest.skip("this server was built without ICU")
    scratch.run(COUNTRIES.format(target=target, own=own, index=index))
    assert (objects(scratch, "fk-not-indexed") == set()) == serves
    scratch.connection.execute("SET LOCAL enable_seqscan = off")
    plan = scratch.connection.execute(
        "EXPLAIN SELECT 1 FROM ONLY public.plays x WHERE $1 OPERATOR(pg_catalog.=) country".replace(
            "$1", "'a'::text"
        )
    ).fetchall()
    assert ("Index Cond" in str(plan)) == serves


PARTITIONS = f"""
{USERS} CREATE SCHEMA parts;
CREATE TABLE plays (a uuid, n int) PARTITION BY LIST (n);
CREATE TABLE parts.plays_1 PARTITION OF plays FOR VALUES IN (1);
CREATE TABLE parts.plays_2 PARTITION OF plays FOR VALUES IN (2);
CREATE TABLE plays_3 PARTITION OF plays FOR VALUES IN (3);
ALTER TABLE plays ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES users (id) ON DELETE CASCADE;
"""


def test_partitions_in_another_schema_have_indexes_of_their_own(scratch):
    scratch.run(PARTITIONS)
    assert messages(scratch, "fk-not-indexed") == ["no index leads with (a)"]
    scratch.run("CREATE INDEX ON plays_3 (a); CREATE INDEX ON parts.plays_1 (a);")
    assert messages(scratch, "fk-not-indexed") == [
        "no index leads with (a) on partition parts.plays_2"
    ]
    scratch.run("CREATE INDEX ON parts.plays_2 (a);")
    assert messages(scratch, "fk-not-indexed") == []
    assert [table.identity for table in scratch.catalog().all_tables] == [
        "public.plays", "public.plays_3", "public.users",
    ]  # fmt: skip


def test_keys_of_partitions(scratch):
    """`id` with the partition keys of all levels, in any order; or each partition's own key."""
    scratch.run("""
        CREATE TABLE a (at date, region text, id uuid DEFAULT gen_random_uuid(),
            PRIMARY KEY (at, id, region)) PARTITION BY RANGE (at);
        CREATE TABLE a_0 PARTITION OF a DEFAULT PARTITION BY LIST (region);
        CREATE TABLE b (id uuid DEFAULT gen_random_uuid(), at date) PARTITION BY RANGE (at);
        CREATE TABLE b_0 PARTITION OF b DEFAULT;
        CREATE TABLE b_1 PARTITION OF b FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
        ALTER TABLE b_0 ADD PRIMARY KEY (id); ALTER TABLE b_1 ADD PRIMARY KEY (id);
        CREATE TABLE c (id uuid, at date) PARTITION BY RANGE (at);
        CREATE TABLE c_0 PARTITION OF c DEFAULT;
        CREATE TABLE c_1 PARTITION OF c FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
        ALTER TABLE c_0 ADD PRIMARY KEY (id);
        CREATE TABLE d (n int, at date) PARTITION BY RANGE (at);
        CREATE TABLE d_0 PARTITION OF d DEFAULT;
        ALTER TABLE d_0 ADD PRIMARY KEY (n);
    """)
    assert objects(scratch, "pk-missing") == {"public.c"}
    assert objects(scratch, "pk-not-uuid-id") == {"public.d"}
    assert objects(scratch, "pk-default") == set()


def test_foreign_table_comes_with_its_parent(scratch):
    scratch.run("""
        CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;
        CREATE TABLE plays (at date) PARTITION BY RANGE (at);
        CREATE FOREIGN TABLE old PARTITION OF plays DEFAULT SERVER far;
        CREATE FOREIGN TABLE alone (at date) SERVER far;
    """)
    found = {each.object for each in scratch.findings() if each.rule.id == "table-unexpected"}
    assert found == {"public.plays", "public.alone"}


def test_child_has_no_foreign_key_of_its_parent(scratch):
    scratch.run(f"""
        {USERS}
        CREATE TABLE plays (user_id uuid REFERENCES users (id), track_id uuid);
        CREATE TABLE radio_plays () INHERITS (plays);
    """)
    assert objects(scratch, "fk-missing") == {
        "public.plays.track_id",
        "public.radio_plays.user_id",
    }


def test_sequence_that_is_named_by_a_text(scratch):
    scratch.run("""
        CREATE SEQUENCE old; CREATE SEQUENCE "Odd.one"; CREATE SEQUENCE alone; CREATE SEQUENCE d;
        CREATE DOMAIN number AS int DEFAULT nextval('d');
        CREATE TABLE plays (a int DEFAULT nextval(('old'::text)::regclass),
            b int DEFAULT nextval(('public."Odd.one"'::text)::regclass));
    """)
    assert objects(scratch, "sequence") == {"public.alone", "public.plays.a", "public.plays.b"}


def test_not_null_that_was_never_checked(scratch):
    if scratch.connection.info.server_version < 180000:
        pytest.skip("NOT NULL is a constraint from PostgreSQL 18 on")
    scratch.run("""
        CREATE TABLE plays (created_at timestamptz DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO plays VALUES (now());
        ALTER TABLE plays ADD CONSTRAINT there NOT NULL created_at NOT VALID;
    """)
    [found] = [each for each in scratch.findings() if each.rule.id == "timestamps-nullable"]
    assert "NOT VALID" in found.message
    scratch.run(found.fix.sql)
    assert objects(scratch, "timestamps-nullable") == set()


def test_broken_indexes_of_views_and_of_toast(scratch):
    scratch.run("""
        CREATE TABLE plays (t text);
        CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM plays;
        CREATE INDEX i ON totals (n);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass OR indrelid =
            (SELECT reltoastrelid FROM pg_class WHERE oid = 'plays'::regclass);
    """)
    found = [each for each in scratch.findings() if each.rule.id == "index-invalid"]
    assert [each.message.split("pg_toast_")[0] for each in found[1:]] == [
        "i on public.totals is not valid"
    ]
    assert found[0].object.startswith("pg_toast.pg_toast_")
    assert "the TOAST of public.plays" in found[0].message


OTHER_WAYS = {
    "quoted": 'BEGIN NEW."updated_at" := now(); RETURN NEW; END;',
    "commented": "BEGIN -- '\nNEW . updated_at = now(); RETURN NEW; END;",
    "in a branch": "BEGIN IF OLD.n <> NEW.n THEN NEW.updated_at = now(); END IF; RETURN NEW; END;",
    "select": "BEGIN SELECT now() INTO NEW.updated_at; RETURN NEW; END;",
    "record": "BEGIN NEW := jsonb_populate_record(NEW, jsonb_build_object('updated_at', now()));"
    " RETURN NEW; END;",
    "argument": "BEGIN NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], now()));"
    " RETURN NEW; END;",
}
NO_WAYS = {
    "guard": "BEGIN IF NEW.updated_at = OLD.updated_at THEN RAISE 'old'; END IF; RETURN NEW; END;",
    "else": "BEGIN IF NEW.n > 0 AND NEW.updated_at = now() THEN RETURN OLD; END IF; END;",
    "undo": "BEGIN NEW.updated_at = OLD.updated_at; RETURN NEW; END;",
    "in a text": "BEGIN RAISE NOTICE '; NEW.updated_at = now();'; RETURN NEW; END;",
    "in a comment": "BEGIN /* NEW.updated_at = now(); */ RETURN NEW; END;",
    "other column": "BEGIN NEW.n = 1; RETURN NEW; END;",
}


@pytest.mark.parametrize("name", [*OTHER_WAYS, *NO_WAYS])
def test_trigger_is_known_by_what_it_does(scratch, name):
    body = (OTHER_WAYS | NO_WAYS)[name]
    scratch.run(f"""
        {TABLE}
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $_$ {body} $_$;
        CREATE TRIGGER guard_updated_at BEFORE UPDATE ON plays
            FOR EACH ROW EXECUTE FUNCTION f('updated_at');
    """)
    assert (objects(scratch, "trigger-missing") == set()) == (name in OTHER_WAYS)


@pytest.mark.parametrize("column", ["updated_at", "modified_at"])
def test_moddatetime_keeps_the_column_that_it_is_given(scratch, column):
    scratch.run(f"""
        {TABLE} ALTER TABLE plays ADD modified_at timestamptz;
        CREATE EXTENSION moddatetime;
        CREATE TRIGGER touch BEFORE UPDATE ON plays
            FOR EACH ROW EXECUTE FUNCTION moddatetime('{column}');
    """)
    assert (objects(scratch, "trigger-missing") == set()) == (column == "updated_at")
    assert objects(scratch, "trigger-timing") == set()


def test_trigger_that_writes_the_row_again_comes_too_late_but_is_there(scratch):
    scratch.run(f"""
        {TABLE}
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE plays SET n = 2, updated_at = now() WHERE n = NEW.n; RETURN NULL; END; $$;
        CREATE TRIGGER touch AFTER UPDATE ON plays FOR EACH ROW EXECUTE FUNCTION f();
    """)
    assert objects(scratch, "trigger-missing") == set()
    assert objects(scratch, "trigger-timing") == {"public.plays.touch"}


def test_row_that_does_not_change_needs_no_time(scratch):
    when = "BEFORE UPDATE ON plays FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)"
    scratch.run(f"{TABLE} {FUNCTION} {trigger(when)}")
    assert {rule for rule, _ in scratch.seen() if rule.startswith("trigger-")} == set()


def test_foreign_key_of_another_type_is_served_by_its_own_index(scratch):
    """The check searches with `bigint = integer`, which a b-tree on integer supports."""
    scratch.run("""
        CREATE TABLE users (id bigint PRIMARY KEY);
        CREATE TABLE plays (user_id int CONSTRAINT fk REFERENCES users (id));
        CREATE INDEX ON plays (user_id);
    """)
    assert objects(scratch, "fk-not-indexed") == set()


@pytest.mark.parametrize(
    ("index", "unique"),
    [
        ("UNIQUE (email, deleted_at)", False),
        ("UNIQUE NULLS NOT DISTINCT (email, deleted_at)", True),
    ],
)
def test_nulls_of_deleted_at(scratch, index, unique):
    scratch.run(f"CREATE TABLE users (email text NOT NULL, deleted_at timestamptz, {index});")
    assert (objects(scratch, "search-not-unique") == set()) == unique
    assert objects(scratch, "unique-not-partial") == set()
