"""A server's internal options in the catalog are not drift. Options that users can set are."""

import psycopg
import pytest

from veza_core.schema.audit.engine import check
from veza_core.schema.audit.reader import read_catalog
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.export.exporting import prove
from veza_core.schema.export.rows import reference_rows
from veza_core.schema.options import without
from veza_core.schema.snapshot import read_snapshot
from veza_core.schema.snapshot.drift import compare

from .conftest import rendered

#: Statements that add an undocumented option to each array of options, empty or not, as a minor
#: release may do. One of them removes the arrays.
INTERNAL = {
    "columns of tables": """
        UPDATE pg_attribute SET attoptions = '{{pg_attver=1,internal=on}}' || attoptions
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND {public})""",
    "some columns of one table": """
        UPDATE pg_attribute SET attoptions = '{{pg_attver=7}}' || attoptions
        WHERE attrelid = 'public.users'::regclass AND attnum % 2 = 0""",
    "no columns at all": """
        UPDATE pg_attribute SET attoptions = NULL
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND {public})""",
    "columns of indexes": """
        UPDATE pg_attribute SET attoptions = '{{pg_attver=1,internal=it''s}}' || attoptions
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'i' AND {public})""",
    "tables": """
        UPDATE pg_class SET reloptions = '{{internal=1}}' || reloptions
        WHERE relkind = 'r' AND {public}""",
    "indexes, and those of constraints": """
        UPDATE pg_class SET reloptions = '{{internal=1,other=on}}' || reloptions
        WHERE relkind = 'i' AND {public}""",
    "TOAST tables": """
        UPDATE pg_class SET reloptions = '{{internal=1}}' || reloptions
        WHERE oid IN (SELECT reltoastrelid FROM pg_class WHERE relkind = 'r' AND {public})""",
    "functions": """
        UPDATE pg_proc SET proconfig = '{{pg_internal=1}}' || proconfig
        WHERE pronamespace = 'public'::regnamespace AND prolang <> 13""",
}

#: A documented statement that sets an option, and the drift that is found.
DOCUMENTED = {
    "column": (
        "ALTER TABLE users ALTER role SET (n_distinct = 5)",
        "column users.role: options was none, is n_distinct=5",
    ),
    "column, inherited": (
        "ALTER TABLE users ALTER role SET (n_distinct_inherited = -0.5)",
        "column users.role: options was none, is n_distinct_inherited=-0.5",
    ),
    "table": (
        "ALTER TABLE rooms SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01)",
        "table rooms: options was none, is autovacuum_vacuum_scale_factor=0.01, fillfactor=90",
    ),
    "table, another value than the schema's": (
        "ALTER TABLE track_likes SET (autovacuum_vacuum_scale_factor = 0.01)",
        # The finding does not show options that did not change.
        "table track_likes: options was …utovacuum_vacuum_scale_factor=0.02, is "
        "…utovacuum_vacuum_scale_factor=0.01",
    ),
    "TOAST table": (
        "ALTER TABLE users SET (toast.autovacuum_enabled = off)",
        "table users: toast options was none, is toast.autovacuum_enabled=off",
    ),
    "index of a constraint": (
        "ALTER INDEX users_pkey SET (fillfactor = 70)",
        "constraint users.users_pkey: options was none, is fillfactor=70",
    ),
    "index": (
        "ALTER INDEX idx_rooms_name SET (deduplicate_items = off)",
        "index rooms.idx_rooms_name: definition was CREATE INDEX idx_rooms_name ON public.rooms "
        "USING btree (name), is CREATE INDEX idx_rooms_name ON public.rooms USING btree (name) "
        "WITH (deduplicate_items=off)",
    ),
    "function": (
        "ALTER FUNCTION update_updated_at_column() SET work_mem = '1MB'",
        'function update_updated_at_column(): settings was search_path="", is '
        'search_path="", work_mem=1MB',
    ),
    "function, by an extension's setting": (
        "ALTER FUNCTION update_updated_at_column() SET my.own = 'x'",
        'function update_updated_at_column(): settings was search_path="", is my.own=x, '
        'search_path=""',
    ),
}


#: Pairs of statements with the same effect.
SPELLINGS = {
    "boolean": ("SET (autovacuum_enabled = FALSE)", "SET (autovacuum_enabled = 'No')"),
    "boolean by number": ("SET (vacuum_truncate = 1)", "SET (vacuum_truncate = on)"),
    "whole number": ("SET (fillfactor = 70)", "SET (fillfactor = '070')"),
    "ratio": (
        "SET (autovacuum_vacuum_scale_factor = 0.50)",
        "SET (autovacuum_vacuum_scale_factor = '5e-1')",
    ),
    "of a column": ("ALTER role SET (n_distinct = -.5)", "ALTER role SET (n_distinct = -0.50)"),
    "of TOAST": (
        "SET (toast.vacuum_index_cleanup = 'AUTO')",
        "SET (toast.vacuum_index_cleanup = auto)",
    ),
    "no target of statistics": ("ALTER role SET STATISTICS -1", "ALTER email SET STATISTICS -1"),
}


def put(connection, where):
    statement = INTERNAL[where].format(public="relnamespace = 'public'::regnamespace")
    assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize("where", INTERNAL)
def test_a_servers_own_options_are_not_seen(live, expected, where):
    before = read_snapshot(live)
    put(live, where)
    after = read_snapshot(live)
    assert after == before
    assert compare(expected, after) == []


@pytest.mark.parametrize("where", INTERNAL)
@pytest.mark.parametrize("what", DOCUMENTED)
def test_what_a_user_sets_is_seen_with_them(live, expected, what, where):
    statement, said = DOCUMENTED[what]
    live.execute(statement)
    if where != "no columns at all":
        put(live, where)
    assert [str(each) for each in compare(expected, read_snapshot(live))] == [said]


def test_the_order_in_which_options_were_set_is_no_difference(live):
    live.execute(
        "ALTER TABLE users SET (fillfactor = 90); ALTER TABLE users SET (parallel_workers = 2)"
    )
    one = read_snapshot(live)
    live.execute("ALTER TABLE users RESET (fillfactor); ALTER TABLE users SET (fillfactor = 90)")
    assert read_snapshot(live) == one


@pytest.mark.parametrize(("one", "other"), SPELLINGS.values(), ids=SPELLINGS)
def test_the_spelling_of_a_value_is_no_difference(live, one, other):
    live.execute(f"ALTER TABLE users {one}")
    before = read_snapshot(live)
    live.execute(f"ALTER TABLE users {other}")
    assert read_snapshot(live) == before


def test_the_audit_sees_none_of_them(migrated_url):
    with psycopg.connect(migrated_url) as connection:
        before = check(read_catalog(connection, ("public",)), CATALOG_RULES)
        for where in INTERNAL:
            put(connection, where)
        assert check(read_catalog(connection, ("public",)), CATALOG_RULES) == before
        connection.rollback()


@pytest.mark.parametrize(
    ("definition", "hidden", "shown"),
    [
        ("ON t USING btree (a) WITH (x='1')", ["x=1"], "ON t USING btree (a)"),
        (
            "ON t USING btree (a int4_ops (x='1') DESC, b) WITH (x='1', fillfactor='70')",
            ["x=1", "x=1"],
            "ON t USING btree (a DESC, b) WITH (fillfactor='70')",
        ),
        (
            "ON t USING btree (a) WITH (fillfactor='70', x=on, y='it''s') WHERE a > 1",
            ["x=on", "y=it's"],
            "ON t USING btree (a) WITH (fillfactor='70') WHERE a > 1",
        ),
        (
            "ON t USING gist (s gist_trgm_ops (x='1', siglen='32'), u gist_trgm_ops (x='1'))",
            ["x=1", "x=1"],
            "ON t USING gist (s gist_trgm_ops (siglen='32'), u gist_trgm_ops)",
        ),
    ],
)
def test_definitions_of_indexes(definition, hidden, shown):
    assert without(definition, hidden, ["int4_ops"]) == shown


def test_documented_options_are_written_and_load(live, expected):
    for statement, _ in DOCUMENTED.values():
        live.execute(statement)
    live.execute("ALTER TABLE users ALTER email SET STATISTICS 500")
    snapshot, rows = read_snapshot(live), reference_rows(live, expected["tables"])
    files = rendered(snapshot, rows)
    assert (
        "SET (n_distinct = '5', n_distinct_inherited = '-0.5')" in files["010_auth_and_users.sql"]
    )
    live.execute("DROP SCHEMA public CASCADE")
    live.execute("CREATE SCHEMA public")
    prove(live, files, snapshot, rows)


def test_a_setting_that_pg_settings_does_not_list_is_reported(live, expected):
    live.execute("ALTER FUNCTION update_updated_at_column() SET role = 'none'")
    assert [str(difference) for difference in compare(expected, read_snapshot(live))] == [
        'function update_updated_at_column(): settings was search_path="", '
        'is role=none, search_path=""'
    ]
