"""The files contain everything of a snapshot, or the export fails. No file is half written."""

import copy

import pytest
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from veza_core.schema.export import ExportError, render
from veza_core.schema.export.exporting import prove
from veza_core.schema.export.files import CATALOG, stale, strays, write
from veza_core.schema.export.rows import reference_rows
from veza_core.schema.snapshot import read_snapshot

from .conftest import SCHEMA, rendered


@pytest.fixture
def snapshot(expected):
    return copy.deepcopy(expected)


def test_the_files_have_the_names_of_the_migrations():
    names = {
        name
        for app, name in MigrationLoader(None).disk_migrations
        if app in settings.PUBLIC_SCHEMA_APPS
    }
    assert {path.stem for path in SCHEMA.glob("[0-9]*.sql")} == {*names, "999_version"}


def test_all_columns_and_comments_are_in_the_files(snapshot):
    text = "".join(path.read_text("utf-8") for path in SCHEMA.glob("[0-9]*.sql"))
    for name, table in snapshot["tables"].items():
        assert f"COMMENT ON TABLE public.{name} IS" in text
        for column in table["columns"]:
            assert f"COMMENT ON COLUMN public.{name}.{column} IS" in text


def users(snapshot):
    return snapshot["tables"]["users"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["tables"].update(labels=users(s)), "no migration of V1 .* labels"),
        (lambda s: s["tables"].pop("rooms"), "the migrations of V1 do not leave rooms"),
        (lambda s: users(s).update(inherits=["x"]), "table users: .* cannot write inherits"),
        (lambda s: users(s).update(policies={"p": {}}), "table users: .* cannot write policies"),
        (lambda s: users(s).update(kind="view"), "table users: .* cannot write kind"),
        (
            lambda s: users(s)["columns"]["slug"].update(compression="lz4"),
            "column users.slug: .* cannot write compression",
        ),
        (
            lambda s: users(s)["indexes"]["idx_users_slug"].update(validity="invalid"),
            "index idx_users_slug: .* cannot write validity",
        ),
        (
            lambda s: users(s)["triggers"]["update_users_updated_at"].update(state="disabled"),
            "trigger users.update_users_updated_at: .* cannot write state",
        ),
        (lambda s: s["sequences"].update(numbers={}), "cannot write numbers"),
        (lambda s: s["others"].update({"collation public.c": {}}), "cannot write collation"),
        (
            lambda s: s["types"].update(d={"kind": "domain"}),
            "domain type d: export_schema writes enums only",
        ),
        (
            lambda s: s["functions"]["update_updated_at_column()"].update(kind="procedure"),
            "function update_updated_at_column.*: .* cannot write kind",
        ),
        (
            lambda s: users(s)["constraints"].update(
                f={"definition": "FOREIGN KEY (slug) REFERENCES public.rooms(id)"}
            ),
            "f refers to rooms, which comes after users",
        ),
    ],
)
def test_what_the_files_would_lose_is_an_error(snapshot, change, message):
    change(snapshot)
    with pytest.raises(ExportError, match=message) as caught:
        rendered(snapshot, {})
    assert "\n" not in str(caught.value)


def test_any_function_comes_back_as_it_was(make_database, connect):
    connection = connect(make_database())
    connection.execute("""
        CREATE FUNCTION f(a integer, b text DEFAULT 'it''s') RETURNS text LANGUAGE plpgsql
        STABLE STRICT SECURITY DEFINER COST 7
        SET search_path = pg_catalog, public SET work_mem = '8MB'
        AS $f$ BEGIN RETURN $$x$$ || b; END $f$;
        COMMENT ON FUNCTION f IS 'Makes x'""")
    before = read_snapshot(connection)["functions"]
    connection.execute("DROP FUNCTION f")
    connection.execute(render.function(*before.popitem()))
    after = read_snapshot(connection)["functions"]
    assert after["f(integer, text)"]["attributes"] == "STABLE STRICT SECURITY DEFINER COST 7"
    assert after["f(integer, text)"]["comment"] == "Makes x"
    connection.execute("DROP FUNCTION f")
    connection.execute(render.function(*after.copy().popitem()))
    assert read_snapshot(connection)["functions"] == after


def test_any_table_comes_back_as_it_was(make_database, connect):
    connection = connect(make_database())
    connection.execute("""
        CREATE TABLE others (id uuid, part int, PRIMARY KEY (id, part));
        CREATE TABLE t (
            "order" varchar(3)[] NOT NULL DEFAULT '{}',
            name varchar(9) COLLATE "C" NOT NULL,
            twice numeric GENERATED ALWAYS AS (price * 2) STORED,
            "time" time(3) with time zone,
            price numeric(6, 2) DEFAULT 1.5 CONSTRAINT chk_t CHECK (price > 0 OR "time" IS NULL),
            other uuid, part int,
            CONSTRAINT own_name PRIMARY KEY ("order"),
            CONSTRAINT other_fkey FOREIGN KEY (other, part) REFERENCES others
                ON UPDATE CASCADE ON DELETE SET NULL (part) DEFERRABLE,
            CONSTRAINT no_overlap EXCLUDE USING btree (other WITH =) WHERE (part > 1),
            UNIQUE NULLS NOT DISTINCT (price) INCLUDE (part)
        );
        CREATE INDEX one ON t (lower("order"[1]) DESC NULLS LAST, "time") INCLUDE (price)
            WHERE price = 1 AND "time" > '10:00+00';
        COMMENT ON CONSTRAINT chk_t ON t IS 'it''s';
        COMMENT ON INDEX one IS 'first'""")
    before = read_snapshot(connection)["tables"]
    connection.execute("DROP TABLE t, others")
    for name in ("others", "t"):
        connection.execute(render.table(name, before[name]))
    assert read_snapshot(connection)["tables"] == before


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "010_auth_and_users.sql",
            "DEFAULT 'user'",
            "DEFAULT 'admin'",
            "loses something: column users.role: default was 'user'",
        ),
        (
            "050_legacy_chat.sql",
            "CREATE TABLE",
            "CREATE TABEL",
            r"050_legacy_chat\.sql as written does not load: syntax error",
        ),
        ("020_rbac_and_profiles.sql", "'Helps users", "'Serves users", "other reference rows"),
    ],
)
def test_what_the_sql_loses_is_found_by_loading_it(live, expected, name, old, new, message):
    rows = reference_rows(live, expected["tables"])
    files = rendered(expected, rows)
    live.execute("DROP SCHEMA public CASCADE")
    live.execute("CREATE SCHEMA public")
    with live.transaction(force_rollback=True):
        prove(live, files, expected, rows)
    assert old in files[name]
    broken = {**files, name: files[name].replace(old, new)}
    with pytest.raises(ExportError, match=message), live.transaction():
        prove(live, broken, expected, rows)


def test_rows_of_an_unknown_table_are_an_error(live, expected):
    live.execute("INSERT INTO rooms (name) VALUES ('one')")
    with pytest.raises(ExportError, match="rows into rooms"):
        reference_rows(live, expected["tables"])


def test_stale_and_foreign_files_are_told_by_a_diff(tmp_path):
    (tmp_path / "a.sql").write_text("SELECT 1;\n")
    (tmp_path / "old.sql").write_text("SELECT 2;")
    (tmp_path / "README.md").write_text("kept")
    diffs = stale(tmp_path, {"a.sql": "SELECT 3;\n", "new.sql": "SELECT 4;\n"})
    a = tmp_path / "a.sql"
    assert diffs == {
        "a.sql": f"--- {a}\n+++ {a} (from the migrations)\n@@ -1 +1 @@\n-SELECT 1;\n+SELECT 3;\n",
        "new.sql": f"--- /dev/null\n+++ {tmp_path}/new.sql (from the migrations)\n"
        "@@ -0,0 +1 @@\n+SELECT 4;\n",
        "old.sql": f"--- {tmp_path}/old.sql\n+++ /dev/null\n@@ -1 +0,0 @@\n-SELECT 2;\n",
    }


def test_other_line_ends_are_stale(tmp_path):
    (tmp_path / "a.sql").write_bytes(b"SELECT 1;\r\n")
    assert list(stale(tmp_path, {"a.sql": "SELECT 1;\n"})) == ["a.sql"]


def test_only_what_differs_is_written_and_only_our_own_removed(tmp_path, snapshot):
    files = {**rendered(snapshot, {}), CATALOG: "{}\n"}
    directory = tmp_path / "schema"
    assert write(directory, files) == list(files)
    assert {path.name: path.read_text("utf-8") for path in directory.iterdir()} == files
    (directory / "060_old.sql").write_text(files["050_legacy_chat.sql"])
    (directory / "mine.sql").write_text("SELECT 1;")
    (directory / "mine.example.sql").write_text("SELECT 1;")
    (directory / "001_extensions_and_types.sql").write_text("edited")
    before = (directory / CATALOG).stat().st_mtime_ns
    assert strays(directory, files) == ["060_old.sql", "mine.sql"]
    assert write(directory, files) == ["001_extensions_and_types.sql", "060_old.sql"]
    assert (directory / CATALOG).stat().st_mtime_ns == before
    assert list(stale(directory, files)) == ["mine.sql"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "a.sql").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path, {"a.sql": "new \udc00"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.sql"]
    assert (tmp_path / "a.sql").read_text() == "old"
