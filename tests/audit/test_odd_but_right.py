"""Unusual schemas that are right or wrong by details that single rules must see."""

import itertools

import psycopg
import pytest

NOTES = """
CREATE TABLE totals (n int); CREATE TABLE plays (id int); CREATE TABLE status (id int);
CREATE TABLE notes (id int, status text);
"""


def objects(scratch, rule, ddl):
    scratch.run(ddl)
    return {where for found, where in scratch.seen() if found == rule}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT count(*) INTO totals FROM pg_catalog.pg_class", False),
        ("SELECT 1 INTO STRICT totals", False),
        ("IF NEW.id IS DISTINCT FROM totals THEN RETURN NULL; END IF", False),
        ("NEW.id = extract(epoch FROM totals)", False),
        ("WITH plays AS (SELECT 1) SELECT 1 INTO totals FROM plays", False),
        ("WITH a AS (SELECT 1), plays (x) AS MATERIALIZED (SELECT 1) TABLE plays", False),
        ("RAISE NOTICE 'x' USING hint = 'FROM totals'", False),
        ("EXECUTE 'SELECT $1' USING totals", False),
        ("PERFORM 1 FROM public.plays FOR UPDATE OF plays", False),
        ("TRUNCATE totals", True),
        ("TRUNCATE TABLE ONLY totals", True),
        ("PERFORM 1 FROM public.plays, totals", True),
        ("PERFORM 1 FROM public.plays AS p, public.status s, totals", True),
        ("DELETE FROM public.plays USING totals", True),
        ("INSERT INTO totals VALUES (1)", True),
        ("WITH plays AS (SELECT 1) INSERT INTO totals SELECT * FROM plays", True),
    ],
)
def test_what_a_search_path_decides_on(scratch, statement, found):
    expected = {"public.f()"} if found else set()
    assert expected == objects(
        scratch,
        "function-search-path",
        f"""{NOTES} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE totals int; BEGIN {statement}; RETURN NEW; END; $$;
        CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION f();""",
    )


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("public", "SELECT count(*) FROM totals", True),
        ("pg_temp, public", "SELECT count(*) FROM totals", True),
        ("public, pg_temp", "SELECT count(*) FROM totals", False),
        ("public", "SELECT count(*) FROM public.totals", False),
        ("''", "SELECT count(*) FROM public.totals", False),
    ],
)
def test_definer_that_a_temporary_table_deceives(scratch, path, body, found):
    ddl = f"""{NOTES} CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = {path} AS '{body}';"""
    assert objects(scratch, "function-search-path", ddl) == ({"public.f()"} if found else set())
    scratch.run("CREATE TEMPORARY TABLE totals (n int); INSERT INTO totals VALUES (1)")
    deceived = scratch.connection.execute("SELECT public.f()").fetchone()
    assert (deceived == (1,)) == found


COUNT = """CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT count(*) FROM totals';"""


@pytest.mark.parametrize(
    ("ddl", "found"),
    [
        (f"{COUNT} CREATE POLICY p ON notes USING (f() > 0)", "a policy"),
        (f"{COUNT} CREATE MATERIALIZED VIEW m AS SELECT f() WITH NO DATA", "a materialized view"),
        (f"{COUNT} CREATE VIEW v AS SELECT f()", ""),
        (f"{COUNT} ALTER TABLE notes ALTER id SET DEFAULT f()", ""),
        (
            "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS "
            "'BEGIN INSERT INTO totals VALUES (1); END';"
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()",
            "an event trigger",
        ),
    ],
)
def test_who_runs_a_function(scratch, ddl, found):
    scratch.run(NOTES + ddl)
    messages = [
        each.message for each in scratch.findings() if each.rule.id == "function-search-path"
    ]
    assert messages == ([f"{found} runs it, and it names totals without a schema"] if found else [])


@pytest.mark.parametrize(
    ("ddl", "found"),
    [
        (
            "CREATE DOMAIN number AS integer; CREATE DOMAIN key AS number; CREATE SEQUENCE s;"
            "CREATE TABLE plays (id key PRIMARY KEY DEFAULT nextval('s'));"
            "SELECT setval('s', 2000000000)",
            "public.s",
        ),
        (
            "CREATE DOMAIN number AS integer; CREATE DOMAIN key AS number;"
            "CREATE TABLE plays (id key PRIMARY KEY);"
            "INSERT INTO plays SELECT 2000000000 + n FROM generate_series(1, 9) n; ANALYZE plays",
            "public.plays.id",
        ),
        (
            "CREATE SCHEMA others; CREATE SEQUENCE others.s AS integer;"
            "CREATE TABLE plays (id integer PRIMARY KEY DEFAULT nextval('others.s'));"
            "SELECT setval('others.s', 2000000000)",
            "others.s",
        ),
        (
            "CREATE TABLE plays (id integer PRIMARY KEY) PARTITION BY RANGE (id);"
            "CREATE TABLE plays_1 PARTITION OF plays DEFAULT PARTITION BY RANGE (id);"
            "CREATE TABLE plays_2 PARTITION OF plays_1 DEFAULT;"
            "INSERT INTO plays SELECT 2000000000 + n FROM generate_series(1, 9) n; ANALYZE plays",
            "public.plays.id",
        ),
        (
            "CREATE SCHEMA others; CREATE SEQUENCE others.s AS integer;"
            "SELECT setval('others.s', 2000000000)",
            None,
        ),
    ],
)
def test_keys_that_end(scratch, ddl, found):
    assert objects(scratch, "key-near-end", ddl) == ({found} if found else set())


PAGES = "CREATE TABLE pages (site int NOT NULL, kind text, name varchar(9), is_main bool);"


@pytest.mark.parametrize(
    ("index", "loose"),
    [
        ("(site, kind) WHERE kind = 'main'", False),
        ("(site, kind) WHERE kind IN ('main', 'other')", False),
        ("(site, kind) WHERE kind = 'main' OR kind IS NOT NULL", False),
        ("(site, name) WHERE name <> '' AND site > 1", False),
        ("(site, is_main) WHERE is_main", False),
        ("(site, coalesce(kind, ''))", False),
        ("(site, (kind IS NULL))", False),
        ("(site, lower(kind)) WHERE kind IS NOT NULL", False),
        ("(site, kind) WHERE kind = 'main' OR site > 1", True),
        ("(site, kind) WHERE kind IS DISTINCT FROM 'main'", True),
        ("(site, kind) WHERE name = 'main'", True),
        ("(site, lower(kind))", True),
        ("(site, upper(name))", True),
    ],
)
def test_unique_indexes_and_null(scratch, index, loose):
    """The server must agree: it accepts or refuses two equal rows of the index."""
    found = objects(scratch, "unique-nullable", f"{PAGES} CREATE UNIQUE INDEX i ON pages {index};")
    assert found == ({"public.i"} if loose else set())
    condition = index.partition(" WHERE ")[2] or "true"
    assert any(takes_twice(scratch, row, condition) for row in ROWS) is loose


KINDS, MAIN = ["NULL::text", "'main'::text"], ["NULL::bool", "true"]
ROWS = [*itertools.product(["2"], KINDS, KINDS, MAIN)]


def takes_twice(scratch, row, condition):
    connection = scratch.connection
    values = f"(VALUES ({', '.join(row)})) AS row (site, kind, name, is_main)"
    insert = f"INSERT INTO public.pages SELECT * FROM {values} WHERE {condition}"
    try:
        with connection.transaction(force_rollback=True):
            rows = [connection.execute(insert.encode()).rowcount for _ in range(2)]
    except psycopg.errors.UniqueViolation:
        return False
    return rows == [1, 1]


@pytest.mark.parametrize(
    ("column", "loose"),
    [
        ("kind text CHECK (kind IS NOT NULL)", False),
        ("raw text NOT NULL, kind text GENERATED ALWAYS AS (lower(raw)) STORED", False),
        ("raw text, kind text GENERATED ALWAYS AS (coalesce(raw, '')) STORED", False),
        ("raw text, kind text GENERATED ALWAYS AS (lower(raw)) STORED", True),
        ("kind text CHECK (kind <> '')", True),
    ],
)
def test_columns_that_are_never_null(scratch, column, loose):
    ddl = f"CREATE TABLE pages (site int NOT NULL, {column}); "
    found = objects(scratch, "unique-nullable", ddl + "CREATE UNIQUE INDEX i ON pages (site, kind)")
    assert found == ({"public.i"} if loose else set())


@pytest.mark.parametrize(
    ("rule", "ddl", "found"),
    [
        (
            "type-differs",
            "CREATE TABLE items (id bigint PRIMARY KEY);"
            "CREATE TABLE versions (item_type text, item_id text);",
            set(),
        ),
        ("uuid-as-text", "CREATE TABLE feeds (uuid_format text, guid_kind text)", set()),
        (
            "uuid-as-text",
            "CREATE TABLE feeds (guid text, key_id varchar(36));"
            "INSERT INTO feeds SELECT 'https://example.org/' || n, n FROM generate_series(1, 9) n;"
            "ANALYZE feeds",
            set(),
        ),
        (
            "uuid-as-text",
            """CREATE TABLE feeds ("objectGUID" text, "Object_GUID" text, key_id varchar(36));
            INSERT INTO feeds SELECT replace(gen_random_uuid()::text, '-', ''),
                '{' || gen_random_uuid() || '}', gen_random_uuid() FROM generate_series(1, 9);
            ANALYZE feeds""",
            {'public.feeds."Object_GUID"', "public.feeds.key_id"},
        ),
        (
            "rls-without-policy",
            "CREATE TABLE notes (id int); CREATE POLICY p ON notes;"
            "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
            "CREATE TABLE old_notes () INHERITS (notes);"
            "ALTER TABLE old_notes ENABLE ROW LEVEL SECURITY;",
            set(),
        ),
        (
            "fk-duplicate",
            "CREATE TABLE users (id int PRIMARY KEY);"
            "CREATE TABLE plays (user_id int REFERENCES users ON DELETE CASCADE, n int)"
            " PARTITION BY LIST (n);"
            "CREATE TABLE plays_1 (user_id int CONSTRAINT own REFERENCES users, n int);"
            "ALTER TABLE plays ATTACH PARTITION plays_1 FOR VALUES IN (1);"
            "CREATE TABLE plays_2 (user_id int REFERENCES users ON DELETE CASCADE, n int);"
            "ALTER TABLE plays ATTACH PARTITION plays_2 FOR VALUES IN (2);",
            {"public.plays_1.own"},
        ),
    ],
)
def test_what_a_rule_finds(scratch, rule, ddl, found):
    assert objects(scratch, rule, ddl) == found


def test_a_virtual_column_has_no_foreign_key_and_keeps_nothing(scratch):
    if scratch.connection.info.server_version < 180000:
        pytest.skip("virtual columns come with PostgreSQL 18")
    scratch.run(
        "CREATE TABLE users (id uuid PRIMARY KEY);"
        "CREATE TABLE plays (raw uuid, user_id uuid GENERATED ALWAYS AS (raw) VIRTUAL,"
        " text_uuid text GENERATED ALWAYS AS (raw::text) VIRTUAL)"
    )
    assert not {where for _, where in scratch.seen() if "_id" in where or "uuid" in where}
