"""The archive of all data about a user: what it contains, and what it never contains."""

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib import admin
from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections, connection
from django.test import Client, RequestFactory
from model_bakery import baker
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.acting import entries, open_page, take, url
from tests.attack.payloads import SECRET, Hostile, insert, remember
from tests.staff import make_staff, make_user, signed_in
from veza_core.access import access_of
from veza_core.admin import bundle
from veza_core.admin.data_actions import ExportData
from veza_core.db.session import database_of
from veza_core.models import Permission, Role, RolePermission, User, UserRole, UserRoleAssignment
from veza_core.operations import personal_data
from veza_core.screens.actions.action import Change, ChangeContext
from veza_core.secret_columns import SECRET_COLUMNS
from veza_streaming.models import Playlist, PlaylistCollaborator, Track, TrackComment, TrackPlay

pytestmark = pytest.mark.django_db

#: Tables whose rows are not about users.
ABOUT_NOBODY = {"roles", "permissions", "role_permissions"}
ANOTHER = personal_data.ANOTHER

#: A table that a later release may add, with a key of another type.
GIFTS = """
CREATE TABLE public.gifts (
    number int, to_id uuid REFERENCES users ON DELETE CASCADE,
    from_id uuid REFERENCES users ON DELETE SET NULL, words text, PRIMARY KEY (number, to_id))
"""


@pytest.fixture
def user() -> User:
    return make_user("dora")


def send(client: Client, user: User, **data: str) -> Any:
    sent = {"reason": "asked for by letter", "confirm": user.username, **data}
    return take(client, user, "export_data", **sent)


def archive(client: Client, user: User) -> ZipFile:
    answer = send(client, user)
    assert answer.status_code == 200, answer.content.decode()
    assert answer["Content-Type"] == "application/zip"
    return ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def rows(found: ZipFile, table: str) -> list[dict[str, Any]]:
    """The rows of a table, which are the same in both files."""
    objects = json.loads(found.read(f"data/{table}.json"))
    text = found.read(f"data/{table}.csv").decode("utf-8-sig")
    assert [row.get("id") for row in csv.DictReader(io.StringIO(text, newline=""))] == [
        str(one["id"]) if "id" in one else None for one in objects
    ]
    return objects


def words_of(found: ZipFile) -> str:
    return "\n".join(found.read(name).decode() for name in found.namelist())


def adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value


def about_one_user(kind: str) -> Hostile:
    """A row of each table whose keys refer to one user, with secrets that a test can recognise."""
    with connection.cursor() as cursor:
        made = insert(cursor, kind, SECRET_COLUMNS, adapt)
        remember(cursor, made, adapt)
    return made


@pytest.fixture
def both(db: None) -> tuple[Hostile, Hostile]:
    return about_one_user("markup"), about_one_user("script")


def test_no_name_of_a_table_leads_out_of_the_archive(browser: Client, user: User) -> None:
    """Other services name their tables, and what unpacks an archive may follow their paths."""
    create = "CREATE TABLE public.{} (id int PRIMARY KEY, {} text, to_id uuid REFERENCES users)"
    insert_one = "INSERT INTO public.{} VALUES (1, repeat('x', 200000), %s)"
    with connection.cursor() as cursor:
        for name in map(sql.Identifier, ("../../etc/cron", "..", "/root", "C:\\x", "a\nb")):
            cursor.execute(sql.SQL(create).format(name, sql.Identifier("../c")))
            cursor.execute(sql.SQL(insert_one).format(name), [user.pk])
    found = archive(browser, user)
    names = found.namelist()
    assert "values/%2E./1-%2E.%2Fc.txt" in names
    assert "data/%2E.%2F..%2Fetc%2Fcron.csv" in names
    assert not any(re.search(r"^[/.]|/\.|[\\:\n]", name) for name in names)
    told = json.loads(found.read("contents.json"))["tables"]
    assert {file for table in told for file in table["files"]} <= {*names}


def test_the_export_has_a_row_of_every_table_and_no_row_of_another_user(
    browser: Client, both: tuple[Hostile, Hostile]
):
    one, other = both
    found = archive(browser, User.objects.get(pk=one.keys["users"]))
    tables = {table: key for table, key in one.keys.items() if not table.startswith("veza_site")}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            " AND confrelid = 'users'::regclass AND connamespace = 'public'::regnamespace"
        )
        referring = {table for (table,) in cursor.fetchall()}
    assert referring < set(tables) - ABOUT_NOBODY
    for table in set(tables) - ABOUT_NOBODY:
        assert str(tables[table]) in [row["id"] for row in rows(found, table)], table
    assert {f"data/{table}.json" for table in ABOUT_NOBODY} & set(found.namelist()) == set()
    text = words_of(found)
    assert [table for table, key in other.keys.items()
            if not table.startswith("veza_site") and str(key) in text] == []  # fmt: skip


def test_no_secret_and_each_is_named(browser: Client, both: tuple[Hostile, Hostile]):
    found = archive(browser, User.objects.get(pk=both[0].keys["users"]))
    assert SECRET not in words_of(found)
    contents = json.loads(found.read("contents.json"))
    left_out = {one["table"]: set(one["left_out"]) for one in contents["tables"]}
    assert {table: names for table, names in left_out.items() if names} == SECRET_COLUMNS
    assert "django.otp_totp_totpdevice" in contents["not_included"]


def test_the_archive_names_its_database_and_no_server(browser: Client, user: User):
    """The archive goes to outsiders, who must not learn more than the name."""
    found = archive(browser, user)
    database = database_of(connection)
    contents, readme = (found.read(name).decode() for name in ("contents.json", "README.txt"))
    assert json.loads(contents)["database"] == database
    assert f"the platform's database, {database}," in readme
    assert connection.connection.info.host not in contents + readme


def test_what_is_secret_is_not_even_selected(browser: Client, user: User):
    statements: list[str] = []

    def listen(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql if isinstance(sql, str) else sql.as_string())
        return execute(sql, params, many, context)

    answer = send(browser, user)
    with connection.execute_wrapper(listen):
        b"".join(answer.streaming_content)
    secrets = {name for names in SECRET_COLUMNS.values() for name in names}
    assert len([sql for sql in statements if sql.startswith("DECLARE")]) >= 2 * 25
    assert [sql for sql in statements if any(f'"{name}"' in sql for name in secrets)] == []


def test_a_new_table_is_not_forgotten(browser: Client, user: User, bob: User):
    with connection.cursor() as cursor:
        cursor.execute(GIFTS)
        cursor.execute(
            "INSERT INTO gifts VALUES (1, %s, %s, 'for dora'), (2, %s, %s, '=1+1'),"
            " (3, %s, %s, '')",
            [user.pk, bob.pk, bob.pk, user.pk, bob.pk, bob.pk],
        )
    found = archive(browser, user)
    assert rows(found, "gifts") == [
        {"number": 1, "to_id": str(user.pk), "from_id": ANOTHER, "words": "for dora"},
        {"number": 2, "to_id": ANOTHER, "from_id": str(user.pk), "words": "=1+1"},
    ]
    assert '"\'=1+1"' in found.read("data/gifts.csv").decode()


def test_what_others_did_is_theirs(browser: Client, user: User, bob: User):
    track = baker.make(Track, user=user)
    baker.make(TrackPlay, track=track, user=bob, ip_address="192.0.2.77")
    baker.make(TrackPlay, track=track, user=None, ip_address="192.0.2.78")
    theirs = baker.make(TrackComment, track=track, user=bob, content="by bob")
    own = baker.make(TrackComment, track=track, user=user, parent=theirs, content="by dora")
    guest = baker.make(
        PlaylistCollaborator, playlist=baker.make(Playlist, user=user), user=bob, invited_by=user
    )
    found = archive(browser, user)
    assert rows(found, "track_plays") == []
    assert [row["id"] for row in rows(found, "track_comments")] == [str(own.pk)]
    (row,) = rows(found, "playlist_collaborators")
    assert (row["id"], row["user_id"], row["invited_by_id"]) == (
        str(guest.pk), ANOTHER, str(user.pk),
    )  # fmt: skip
    text = words_of(found)
    assert [word for word in ("192.0.2.7", "by bob", str(bob.pk), "bob@") if word in text] == []


def test_what_staff_noted_is_in_it_and_not_who(browser: Client, user: User, staff: User):
    take(browser, user, "note", text="calls often")
    take(browser, user, "ban", confirm="dora", reason="spam")
    found = archive(browser, user)
    (note,) = rows(found, "django.veza_site_note")
    assert (note["text"], note["subject_id"]) == ("calls often", str(user.pk))
    logged = rows(found, "django.veza_site_stafflogentry")
    assert "spam" in [entry["reason"] for entry in logged]
    text = words_of(found)
    assert str(staff.pk) not in text
    assert "127.0.0.1" not in text


def test_what_staff_noted_of_the_user_s_own_rows(browser: Client, user: User, bob: User):
    own, other = baker.make(Track, user=user), baker.make(Track, user=bob)
    for track in (own, other):
        take(browser, track, "note", text=f"of {track.pk}")
    found = archive(browser, user)
    assert [note["text"] for note in rows(found, "django.veza_site_note")] == [f"of {own.pk}"]
    logged = rows(found, "django.veza_site_stafflogentry")
    assert str(own.pk) in [entry["subject_id"] for entry in logged]
    assert str(other.pk) not in words_of(found)


def test_actions_of_a_colleague_on_others_are_not_shown(browser: Client, bob: User):
    colleague = make_staff("admin", "colleague")
    take(signed_in(colleague), bob, "ban", confirm="bob", reason="bob's secret")
    found = archive(browser, colleague)
    done = rows(found, "django.veza_site_stafflogentry")
    assert "users.ban" in [entry["action"] for entry in done]
    assert {entry["staff_id"] for entry in done if entry["action"] == "users.ban"} == {
        str(colleague.pk)
    }
    text = words_of(found)
    assert [word for word in ("bob", str(bob.pk)) if word in text] == []


def test_it_is_written_down(browser: Client, user: User, staff: User):
    archive(browser, user)
    (begun,), (ended,) = entries("users.export_data"), entries("users.data_exported")
    assert (begun.staff_id, begun.subject_id, begun.reason) == (
        staff.pk, str(user.pk), "asked for by letter",
    )  # fmt: skip
    assert ended.subject_id == str(user.pk)
    # The account, and the two entries that were there: the page's and the beginning's.
    assert ended.after == {"rows": 2, "ending": "complete"}


def test_without_the_entry_nothing_leaves(browser: Client, user: User):
    browser.raise_request_exception = False
    seen = open_page(browser, user, "export_data")
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE django.veza_site_stafflogentry "
            "ADD CONSTRAINT no_exports CHECK (action <> 'users.export_data') NOT VALID"
        )
    sent = {"row": seen, "reason": "x", "confirm": user.username}
    assert browser.post(url(user, "export_data"), sent).status_code == 500


@pytest.mark.parametrize("data", [{"reason": ""}, {"confirm": "bob"}])
def test_without_a_reason_or_the_name_nothing_leaves(
    browser: Client, user: User, data: dict[str, str]
):
    answer = send(browser, user, **data)
    assert not answer.streaming
    assert not entries("users.export_data")


def test_not_of_oneself_nor_of_accounts_with_more_permissions(user: User):
    client = signed_in(make_staff("admin", "colleague"))
    chief = make_user("chief", role=UserRole.SUPER_ADMIN)
    for somebody in (User.objects.get(username="colleague"), chief):
        assert client.get(url(somebody, "export_data")).status_code == 403
    assert client.get(url(user, "export_data")).status_code == 200


def test_a_value_of_any_size_is_a_file(browser: Client, user: User, monkeypatch: Any):
    monkeypatch.setattr(bundle, "SLICE", 70_000)
    words = "é=" * 100_000
    playlist = baker.make(Playlist, user=user, description=words)
    found = archive(browser, user)
    (row,) = rows(found, "playlists")
    name = f"values/playlists/{playlist.pk}-description.txt"
    assert row["description"] == f"(in {name})"
    assert found.read(name).decode() == words


def test_memory_does_not_grow(browser: Client, user: User, bob: User):
    """With ten times as many rows, the memory is about the same."""
    track = baker.make(Track, user=bob)

    def peak(count: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO track_plays (user_id, track_id)"
                " SELECT %s, %s FROM generate_series(1, %s)",
                [user.pk, track.pk, count],
            )
        answer = send(browser, user)
        tracemalloc.start()
        for _ in answer.streaming_content:
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    first = peak(200)
    assert peak(1_800) < 1.5 * first + 100_000
    assert [entry.after["rows"] for entry in entries("users.data_exported")][-1] > 2_000


def test_an_archive_that_is_broken_off_is_remembered(rf: RequestFactory, user: User, staff: User):
    request: Any = rf.post("/")
    request.access = access_of(staff)
    answer = ExportData().answer(user, Change(), ChangeContext(request, admin.site, {}))
    next(iter(answer.streaming_content))
    # The server does this when the client has gone. The signal would close the test's connection.
    request_finished.disconnect(close_old_connections)
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)
    assert entries("users.data_exported")[0].after["ending"] == "interrupted"


def test_what_the_database_refuses_makes_it_incomplete(
    browser: Client, user: User, monkeypatch: pytest.MonkeyPatch
):
    fetched = bundle.Bundle._fetched

    def failing(self: Any, held: Any, columns: Any) -> Iterator[Any]:
        if str(held.table) == "tracks":
            raise DatabaseError("away")
        return fetched(self, held, columns)

    monkeypatch.setattr(bundle.Bundle, "_fetched", failing)
    names = archive(browser, user).namelist()
    assert "INCOMPLETE.txt" in names
    assert "contents.json" not in names
    assert entries("users.data_exported")[0].after["ending"].startswith("interrupted")


def test_a_role_with_the_permission(user: User):
    role = baker.make(Role, name="privacy")
    for name in ("admin.access", "users.read", "personal_data.access"):
        permission = Permission.objects.get(name=name)
        baker.make(RolePermission, role=role, permission=permission)
    officer = make_user("officer")
    baker.make(UserRoleAssignment, user=officer, role=role, expires_at=None)
    assert "contents.json" in archive(signed_in(officer), user).namelist()
    assert signed_in(make_staff("moderator")).get(url(user, "export_data")).status_code == 403
