"""Snapshots of the same schema are equal in every session and in every database."""

import json
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from veza_core.schema.snapshot import dump_snapshot, load_snapshot, read_snapshot
from veza_core.schema.snapshot.drift import compare

ODD_SCHEMA = (Path(__file__).parent / "odd_schema.sql").read_text("utf-8")


def connect(url):
    return psycopg.connect(url, autocommit=True)


def test_the_migrated_database_is_the_committed_catalog(live, expected):
    assert read_snapshot(live) == expected


def test_the_committed_catalog_is_read_and_written_unchanged(expected, settings):
    text = (settings.BASE_DIR / "schema/catalog.json").read_text("utf-8")
    assert dump_snapshot(expected) == text


def test_a_snapshot_does_not_depend_on_the_session(migrated_url, expected):
    with connect(migrated_url) as connection:
        connection.execute("SET search_path = public, pg_catalog")
        connection.execute("SET quote_all_identifiers = on")
        assert read_snapshot(connection) == expected


def test_settings_and_transaction_are_left_as_they_were(migrated_url):
    with psycopg.connect(migrated_url) as connection:
        read_snapshot(connection)
        assert connection.info.transaction_status == TransactionStatus.IDLE
        before = connection.execute("SHOW search_path").fetchone()
        connection.execute("CREATE TABLE public.uncommitted ()")
        assert "uncommitted" in read_snapshot(connection)["tables"]
        assert connection.execute("SHOW search_path").fetchone() == before
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("off",)
        connection.rollback()


def test_all_queries_see_one_snapshot(make_database):
    """A table that another session creates between two queries is not in it."""
    url = make_database()
    with connect(url) as connection, connect(url) as other:

        class Cursor(psycopg.Cursor):
            def execute(self, query, *args, **kwargs):
                result = super().execute(query, *args, **kwargs)
                if b"pg_extension" in (query if isinstance(query, bytes) else b""):
                    other.execute("CREATE TABLE late (a INTEGER)")
                return result

        connection.cursor_factory = Cursor
        assert read_snapshot(connection)["tables"] == {}
        assert "late" in read_snapshot_of(url)["tables"]


def read_snapshot_of(url):
    with connect(url) as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'")
        return read_snapshot(connection)


def test_the_order_of_creation_makes_no_difference(make_database):
    statements = [
        "CREATE TYPE b AS ENUM ('x')",
        "CREATE TYPE a AS ENUM ('x')",
        "CREATE INDEX one ON t (d)",
        'CREATE INDEX "Two" ON t (c)',
        "ALTER TABLE t ADD CONSTRAINT b CHECK (c > 0)",
        "ALTER TABLE t ADD CONSTRAINT a CHECK (d > 0)",
    ]
    texts = []
    for order in (statements, reversed(statements)):
        url = make_database()
        with connect(url) as connection:
            connection.execute("CREATE TABLE t (d INTEGER, c INTEGER)")
            for statement in order:
                connection.execute(statement)
        texts.append(dump_snapshot(read_snapshot_of(url)))
    assert texts[0] == texts[1]
    assert list(json.loads(texts[0])["tables"]["t"]["columns"]) == ["d", "c"]


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII", "LATIN1"])
def test_any_schema_can_be_read(make_database, encoding):
    url = make_database(encoding)
    with connect(url) as connection:
        connection.execute("SET client_encoding = 'UTF8'")
        connection.execute(ODD_SCHEMA)
    snapshot = read_snapshot_of(url)
    assert compare(snapshot, snapshot) == []
    assert list(snapshot["tables"]['Odd "Name']["columns"]) == [
        "id", "Ünï", "user", "g", "c", "%s"
    ]  # fmt: skip
    assert json.loads(dump_snapshot(snapshot)) == snapshot


def test_every_kind_of_object_is_in_a_snapshot(make_database):
    url = make_database()
    with connect(url) as connection:
        connection.execute(ODD_SCHEMA)
    snapshot = read_snapshot_of(url)
    tables = snapshot["tables"]
    kinds = {name: table.get("kind", "table") for name, table in tables.items()}
    assert kinds == {
        'Odd "Name': "table",
        "child": "table",
        "empty": "table",
        "ex": "table",
        "ft": "foreign table",
        "mv": "materialized view",
        "parent": "table",
        "part": "partitioned table",
        "part1": "table",
        "refs": "table",
        "typed": "table",
        "ul": "table",
        "v": "view",
    }
    assert list(snapshot["types"]) == ["en", "fr", "pair", "posint", "shell"]
    assert list(snapshot["functions"]) == [
        "agg(integer)", "f(integer, text)", "f(text)", "p(integer)", "tf()"
    ]  # fmt: skip
    assert list(snapshot["others"]) == [
        "collation public.co",
        "operator public.===(integer,integer)",
        "statistics object public.st",
        "text search configuration public.tc",
    ]
    assert tables["ex"]["row security"] == "enabled"
    assert list(tables["ex"]["policies"]) == ["po"]
    assert list(tables["parent"]["rules"]) == ["ru"]
    assert tables["refs"]["constraints"]["refs_t_fkey"] == {
        "definition": "FOREIGN KEY (t) REFERENCES other.t(id)",
        "enforcement": "disabled",
    }
    assert snapshot["types"]["posint"] == {
        "kind": "domain",
        "type": "integer",
        "nullability": "NOT NULL",
        "default": "3",
        "checks": ["posint_check CHECK (VALUE > 0)"],
    }
    assert tables["ul"] == {
        "persistence": "unlogged",
        "options": ["fillfactor=70"],
        "columns": {"a": {"type": "integer"}},
    }
    # With the session's own settings, it would be 01/01/2020 07:00:00 JST.
    assert "2019-12-31 22:00:00+00" in tables["refs"]["indexes"]["inc"]["definition"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "is not a catalog"),
        ('{"tables": {}}', "is not a catalog"),
    ],
)
def test_a_file_that_is_no_catalog_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "catalog.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_snapshot(path)
    assert "\n" not in str(caught.value)
