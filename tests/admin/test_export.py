"""Lists as CSV: their contents."""

import csv
import io
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from tests.acting import entries
from tests.counts import TABLES
from tests.exporting import address, download, lines, rows
from tests.staff import make_staff, make_user, signed_in
from veza_core.models import (
    Permission,
    RefreshToken,
    Role,
    RolePermission,
    User,
    UserRoleAssignment,
)
from veza_core.screens.actions import export
from veza_core.screens.actions.cells import cell
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.models import Note, StaffLogEntry
from veza_site.settings import ROOT_URLCONF
from veza_streaming.models import Playlist, Track, TrackComment, TrackShare

pytestmark = pytest.mark.django_db

# The screens are registered when the addresses are read.
import_module(ROOT_URLCONF)

#: The allowed columns, by table. A new column of a list must be added here on purpose.
ALLOWED = {
    "users": "id username email role is_active is_banned is_verified locked_until "
    "failed_login_count deleted_at last_login_at created_at",
}


def test_what_the_list_shows_in_its_order(browser: Client):
    track = baker.make(Track, title="Song", user__username="owner")
    older, newer = baker.make(TrackComment, track=track, content='é, "two"\nlines', _quantity=2)
    TrackComment.objects.filter(pk=older.pk).update(
        created_at=datetime(2026, 1, 1, tzinfo=UTC), deleted_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    first, second = rows(download(browser, TrackComment))
    assert first["id"] == str(newer.pk)
    assert first["content"] == 'é, "two"\nlines'
    assert (first["track_id"], first["user_id"]) == (str(track.pk), str(newer.user_id))
    assert (first["is_edited"], first["position_ms"], first["deleted_at"]) == ("false", "", "")
    assert second["created_at"] == "2026-01-01T00:00:00+00:00"
    assert second["deleted_at"] == "2026-01-02T00:00:00+00:00"


def test_each_key_has_the_name_beside_it_that_the_list_shows(browser: Client):
    long = "x" * 200
    track = baker.make(Track, title=f"=1+1 {long}")
    comments = baker.make(TrackComment, 3, track=track, user=make_user("dora"), content="c")
    found = rows(download(browser, TrackComment))
    assert len(found) == len(comments)
    for row in found:
        assert (row["user_id"], row["user"]) == (str(comments[0].user_id), "dora")
        assert row["track"] == f"'=1+1 {long}"[:80] + "…"
        assert "parent" not in row
    (logged, *_) = entries("track_comments.export")
    assert {"user_id", "user", "track"} <= set(logged.after["columns"])


def test_names_take_no_query_a_row(browser: Client):
    def asked(count: int) -> int:
        for _ in range(count):
            baker.make(TrackComment)
        response = download(browser, TrackComment)
        with CaptureQueriesContext(connection) as queries:
            lines(response)
        return len(queries)

    assert asked(2) == asked(20)


def test_no_name_of_a_table_that_one_may_not_read():
    role = baker.make(Role, name="editor")
    for name in ("admin.access", "track_comments.read", "track_comments.update", "tracks.read"):
        permission = Permission.objects.get(name=name)
        baker.make(RolePermission, role=role, permission=permission)
    editor = make_user("editor")
    baker.make(UserRoleAssignment, user=editor, role=role, expires_at=None)
    baker.make(TrackComment, track__title="Song", user=make_user("dora"))
    (row,) = rows(download(signed_in(editor), TrackComment))
    assert (row["track"], row["user"]) == ("Song", "")


@pytest.mark.parametrize("site_admin", admin.site._registry.values(), ids=str)
def test_columns_are_those_of_the_list_without_secrets(site_admin: Any, browser: Client):
    model = site_admin.model
    table = model._meta.db_table
    secrets = {name: f"secret-{name}" for name in SECRET_COLUMNS.get(table, ())}
    fields = {field.name: secrets[field.column]
              for field in model._meta.concrete_fields if field.column in secrets}  # fmt: skip
    fields.pop("password", None)
    baker.make(model, **fields)
    response = download(browser, model)
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert not any(value in text for value in secrets.values())
    head, *body = csv.reader(io.StringIO(text, newline=""))
    assert len(body) >= 1
    assert not set(head) & SECRET_COLUMNS.get(table, set())
    shown = {"id", "deleted_at", *(need for name in site_admin.columns
                                   for need in site_admin.column(name).needs)}  # fmt: skip
    assert {field.name for field in export.export_fields(site_admin)} <= shown
    assert len(head) == len(set(head))


def test_there_are_exports_of_all_tables_the_staff_log_and_the_notes():
    assert len(admin.site._registry) == TABLES + 2


@pytest.mark.parametrize("model", [StaffLogEntry, Note])
def test_only_a_super_admin_exports_the_staff_log_and_notes(browser: Client, model: Any):
    assert browser.get(address(model)).status_code == 200
    assert signed_in(make_staff("admin")).get(address(model)).status_code == 403


def test_secrets_are_not_even_selected(browser: Client):
    baker.make(RefreshToken)
    statements: list[str] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        for model in (User, RefreshToken, TrackShare):
            lines(download(browser, model))
    assert not [sql for sql in statements if "token_hash" in sql or "password_hash" in sql]


def test_the_users_table_has_these_columns(browser: Client):
    assert lines(download(browser, User))[0] == ALLOWED["users"].split()


def test_filters_of_the_list_hold(browser: Client):
    make_user("banned", is_banned=True)
    make_user("good")
    assert [row["username"] for row in rows(download(browser, User, "?is_banned=yes"))] == [
        "banned"
    ]
    owner = make_user("owner")
    mine = baker.make(Playlist, user=owner, is_public=True)
    baker.make(Playlist, user=owner, is_public=False)
    baker.make(Playlist, is_public=True)
    found = rows(download(browser, Playlist, f"?user={owner.pk}&is_public=yes"))
    assert [row["id"] for row in found] == [str(mine.pk)]


@pytest.mark.parametrize(
    "query", ["?password__startswith=a", "?user=x", "?is_banned=perhaps", "?nonsense=1"]
)
def test_other_filters_are_refused(browser: Client, query: str):
    for response in (browser.get(f"{address(User)}{query}"), download(browser, User, query)):
        assert response.status_code == 400
    assert not entries("users.export")


def test_the_list_links_to_its_export(browser: Client):
    page = browser.get(f"{address(User, '')}?is_banned=yes&last=1").content.decode()
    assert f'href="{address(User)}?is_banned=yes"' in page
    form = browser.get(f"{address(User)}?is_banned=yes").content.decode()
    assert "is_banned" in form
    assert "password_hash" not in form


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"), ("\r=1", "'\r'=1"), ("\n=1", "'\n'=1"), ("  =1", "'  =1"),
        ("＝1", "'＝1"), ("＋1", "'＋1"), ("－1", "'－1"), ("＠1", "'＠1"),
        ("a=1", "a=1"), ("", ""), (None, ""), (-5, "-5"), (0.5, "0.5"), (True, "true"),
        (["=x"], '["=x"]'), ({"b": 1, "a": None}, '{"a": null, "b": 1}'),
        (datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "2026-03-04T05:06:07+00:00"),
    ],
)  # fmt: skip
def test_cells(value: Any, shown: str):
    assert cell(value) == shown


@pytest.mark.parametrize("title", ['=HYPERLINK("http://x")', "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_of_a_file_is_a_formula(browser: Client, title: str):
    baker.make(Track, title=title, artist=title, genre=title)
    (row,) = rows(download(browser, Track))
    assert row["title"] == f"'{title}"
    assert row["artist"] == f"'{title}"


def test_a_list_that_would_show_a_secret_does_not_export_it(monkeypatch: pytest.MonkeyPatch):
    site_admin = admin.site._registry[RefreshToken]
    monkeypatch.setattr(type(site_admin), "columns", ("id", "token_hash", "expires_at"))
    assert [field.name for field in export.export_fields(site_admin)] == ["id", "expires_at"]
