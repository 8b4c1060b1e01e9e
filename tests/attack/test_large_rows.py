"""Very large rows: no page with them is large, and none fails."""

import csv
import io
import json
import resource
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from psycopg import sql

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.attack.payloads import Hostile, insert, remember
from veza_core.models import User
from veza_core.screens.bounded import IN_CELL, is_read_as_text
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.models import StaffLogEntry
from veza_streaming.models import Track

#: Kinds of large values: an SQL expression for each type of column.
LARGE = {
    "text": {"text": "repeat('é', 2000000)", "jsonb": "to_jsonb(repeat('é', 2000000))"},
    "nested": {"jsonb": """('{"a":' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb"""},
    "nested objects": {"jsonb": """(repeat('{"a":', 900) || '1' || repeat('}', 900))::jsonb"""},
    "numbers": {"jsonb": """('{"a": [' || repeat('9', 5000) || ', 1e4000]}')::jsonb"""},
    "items": {
        "jsonb": "(SELECT jsonb_build_object('a', jsonb_agg(n))"
        " FROM generate_series(1, 300000) AS n)",
        "text[]": "(SELECT array_agg(n::text) FROM generate_series(1, 300000) AS n)",
        "integer[]": "(SELECT array_agg(n) FROM generate_series(1, 300000) AS n)",
    },
    "keys": {
        "jsonb": "(SELECT jsonb_object_agg(n::text, n) FROM generate_series(1, 100000) AS n)",
        "text[]": "ARRAY[repeat('x', 3000000)]",
    },
    "odd": {"jsonb": """'{"": null}'""", "text[]": "ARRAY[NULL, '', ',']::text[]"},
}
#: The maximum size of a page in bytes, and how much a process may grow for it.
PAGE, MEMORY = 1_000_000, 50_000_000

LOGS = ("veza_site_stafflogentry", "veza_site_note")


#: Screens with such columns, and screens of rows with the most references.
SCREENS = [
    model
    for model in MODELS
    if model in (User, Track) or any(map(is_read_as_text, model._meta.concrete_fields))
]


def unbounded() -> list[tuple[str, str, str]]:
    """Table, name and type of each column whose values have no size limit, from the live
    catalog.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid"
            " WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped"
            " AND (relnamespace = 'public'::regnamespace OR relname = ANY (%s))"
            " AND attlen = -1 AND (atttypmod = -1 OR typelem <> 0) AND typname <> 'inet'",
            [list(LOGS)],
        )
        return cursor.fetchall()


def fill(cursor: Any, hostile: Hostile, kind: str) -> None:
    """Write large values into all columns that accept them."""
    filled = 0
    for table, column, type_ in unbounded():
        if type_ not in LARGE[kind] or table in LOGS:
            continue
        statement = sql.SQL("UPDATE {} SET {} = {} WHERE id = %s").format(
            sql.Identifier(table), sql.Identifier(column), sql.SQL(LARGE[kind][type_])
        )
        cursor.execute("SAVEPOINT large")
        try:
            cursor.execute(statement, [hostile.keys[table]])
            filled += 1
        except Exception as error:
            if "chk_" not in str(error):
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT large")
    assert filled > 3


def log(cursor: Any, hostile: Hostile, kind: str) -> None:
    """Insert an entry and a note about the user with such values, because triggers refuse
    UPDATE.
    """
    text = LARGE[kind].get("text", "'x'")
    values = LARGE[kind]["jsonb"]
    entry, note = LOGS
    cursor.execute(
        f"INSERT INTO django.{entry} (staff_name, user_agent, action, subject_table, subject_id,"
        " subject_label, reason, before, after)"
        f" VALUES ('x', '', 'users.ban', 'users', %s, '', {text}, {values}, {values}) RETURNING id",
        [str(hostile.keys["users"])],
    )
    hostile.keys[entry] = cursor.fetchone()[0]
    cursor.execute(
        f"INSERT INTO django.{note} (author_name, author_id, subject_table, subject_id, text)"
        f" VALUES ('x', gen_random_uuid(), 'users', %s, {text}) RETURNING id",
        [str(hostile.keys["users"])],
    )
    hostile.keys[note] = cursor.fetchone()[0]


def adapt(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


@pytest.fixture(params=LARGE)
def large(request: pytest.FixtureRequest, db: None) -> Hostile:
    """A row of every table, with such values."""
    with connection.cursor() as cursor:
        made = insert(cursor, "markup", SECRET_COLUMNS, adapt)
        remember(cursor, made, adapt)
        fill(cursor, made, request.param)
        log(cursor, made, request.param)
    return made


def test_every_column_without_a_bound_is_known(db: None) -> None:
    """Values that a page does not cut are limited by their type."""
    cut = {
        (model._meta.db_table, field.column)
        for model in MODELS
        for field in model._meta.concrete_fields
        if is_read_as_text(field)
    }
    assert cut == {(table, column) for table, column, _ in unbounded()}


def measure(client: Client, path: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # A search that finds one row opens it.
    answer = client.get(path, follow=True)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert answer.status_code in (200, 403, 409), path
    assert len(answer.content) < PAGE, path
    assert grown * 1024 < MEMORY, path


def test_pages(large: Hostile, super_admin: Client) -> None:
    for model in SCREENS:
        key = large.keys[model._meta.db_table]
        measure(super_admin, address_of(model, "changelist"))
        measure(super_admin, address_of(model, "change", key))
        for action in actions_of(model):
            measure(super_admin, address_of(model, "action", key, action))
    for table in ("users", "tracks", "hls_transcode_queue", "user_profiles"):
        sent = super_admin.post("/admin/search/", {"q": str(large.keys[table])})
        measure(super_admin, sent["Location"])


def test_exports_are_whole(large: Hostile, super_admin: Client) -> None:
    for model in SCREENS:
        answer = super_admin.post(address_of(model, "export"), {"reason": "test"})
        text = answer.getvalue().decode("utf-8-sig")
        heading, *rows = csv.reader(io.StringIO(text))
        assert str(large.keys[model._meta.db_table]) in [row[0] for row in rows]
        assert {len(row) for row in rows} == {len(heading)}
        assert max(len(cell) for row in rows for cell in row) < IN_CELL + 100


def stored(model: type[Model], key: Any, column: str, type_: str) -> str:
    """A value in PostgreSQL's text form; arrays as JSON."""
    text = "array_to_json({})::text" if type_.endswith("[]") else "{}::text"
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(f"SELECT {text} FROM {{}} WHERE id = %s").format(
                sql.Identifier(column), sql.Identifier(model._meta.db_table)
            ),
            [key],
        )
        return str(cursor.fetchone()[0])


@pytest.mark.parametrize("large", ["text", "items"], indirect=True)
def test_all_of_it_is_a_download(large: Hostile, super_admin: Client) -> None:
    """Where a page shows the beginning, it links to a file with all of it, but never of a
    secret.
    """
    types = {(table, column): type_ for table, column, type_ in unbounded()}
    for model in SCREENS:
        table, key = model._meta.db_table, large.keys[model._meta.db_table]
        page = super_admin.get(address_of(model, "change", key)).text
        for field in model._meta.concrete_fields:
            column = str(field.column)
            path = address_of(model, "value", key, field.name)
            if not is_read_as_text(field):
                assert path not in page
                continue
            answer = super_admin.get(path)
            assert (answer.status_code == 200) == (path in page), path
            if path in page:
                assert column not in SECRET_COLUMNS.get(table, ())
                assert answer["Content-Type"] == "text/plain; charset=utf-8"
                assert answer["Content-Disposition"].startswith("attachment; ")
                text = answer.getvalue().decode()
                assert text == stored(model, key, column, types[table, column])
                assert super_admin.post(path).status_code == 405
    assert (
        super_admin.get(address_of(User, "value", large.keys["users"], "email")).status_code == 404
    )


@pytest.mark.parametrize("large", ["text", "nested"], indirect=True)
def test_there_are_downloads(large: Hostile, super_admin: Client) -> None:
    page = super_admin.get(address_of(StaffLogEntry, "change", large.keys[LOGS[0]])).text
    assert page.count("Download it") >= 2


@pytest.mark.parametrize("large", ["text"], indirect=True)
def test_an_entry_of_a_row_that_may_not_be_read(large: Hostile, knocking: Any) -> None:
    """Values that the staff log masks for a user cannot be downloaded either."""
    for column in ("reason", "before", "after"):
        path = address_of(StaffLogEntry, "value", large.keys[LOGS[0]], column)
        assert knocking("bare").get(path).status_code == 404
        assert knocking("anonymous").get(path).status_code == 302
