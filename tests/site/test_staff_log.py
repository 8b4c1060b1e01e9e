"""The staff log and the notes: what is written, and that nothing removes it."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from django.contrib import admin
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from model_bakery import baker

from tests.staff import make_staff, make_user
from veza_core.access import access_of
from veza_core.models import User, UserSession
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.models import AppendOnlyError, Note, StaffLogEntry
from veza_site.support.log import REDACTED, record, redact
from veza_streaming.models import Track

pytestmark = pytest.mark.django_db

TABLES = {"veza_site_stafflogentry": StaffLogEntry, "veza_site_note": Note}


@pytest.fixture
def request_(rf: RequestFactory):
    """A request of Alice's, who is support."""
    request = rf.get("/admin/", headers={"user-agent": "Browser/1.0"})
    request.access = access_of(make_staff())
    return request


def test_record(request_):
    user = make_user("bob")
    entry = record(
        request_,
        "users.ban",
        user,
        reason="spam",
        before={"is_banned": False},
        after={"is_banned": True},
    )
    entry.refresh_from_db()
    alice = User.objects.get(username="alice")
    assert (entry.staff_id, entry.staff_name) == (alice.pk, "alice")
    assert (entry.address, entry.user_agent) == ("127.0.0.1", "Browser/1.0")
    assert (entry.subject_table, entry.subject_id) == ("users", str(user.pk))
    assert (entry.action, entry.subject_label, entry.reason) == ("users.ban", "bob", "spam")
    assert (entry.before, entry.after) == ({"is_banned": False}, {"is_banned": True})
    assert entry.created_at.tzinfo is not None


def test_record_a_list_and_nothing(request_):
    admin.site.record(request_, "tracks.list", Track)
    admin.site.record(request_, "search", None)
    listed, searched = StaffLogEntry.objects.order_by("id")
    assert (listed.subject_table, listed.subject_id) == ("tracks", "")
    assert listed.subject_label == "tracks"
    assert (searched.subject_table, searched.subject_id, searched.subject_label) == ("", "", "")


def test_it_is_one_commit_with_the_change(request_):
    with transaction.atomic():
        record(request_, "users.ban", make_user("bob"))
        transaction.set_rollback(True)
    assert not StaffLogEntry.objects.exists()


def test_it_outlives_what_it_names(request_):
    bob = make_user("bob")
    record(request_, "users.view", bob)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users")
    entry = StaffLogEntry.objects.get()
    assert (entry.staff_name, entry.subject_label) == ("alice", "bob")
    assert entry.subject_id == str(bob.pk)


def test_deletions_do_not_reach_it():
    tables = [f"django.{table}" for table in TABLES]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint "
            "WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])",
            [tables],
        )
        assert cursor.fetchall() == []


CHANGES = [
    "UPDATE django.{} SET id = id",
    "DELETE FROM django.{}",
    "DELETE FROM django.{} WHERE false",
    "TRUNCATE django.{}",
    "SET LOCAL session_replication_role = replica; DELETE FROM django.{}",
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", CHANGES)
def test_append_only_for_every_client(table, statement):
    baker.make(TABLES[table])
    with (
        pytest.raises(DatabaseError, match="only ever added") as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert TABLES[table].objects.count() == 1


@pytest.mark.parametrize("model", TABLES.values())
def test_append_only_in_python(model):
    row = baker.make(model)
    with pytest.raises(AppendOnlyError):
        row.save()
    with pytest.raises(AppendOnlyError):
        row.delete()
    for change in (
        lambda: model.objects.all().delete(),
        lambda: model.objects.update(id=1),
        lambda: model.objects.bulk_update([row], ["created_at"]),
    ):
        with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
            change()
    assert model.objects.count() == 1


def test_flush_leaves_them(request_):
    """`manage.py flush`, and every test with real transactions, would stop at the trigger."""
    statements = connection.ops.sql_flush(
        no_style(), connection.introspection.table_names(), allow_cascade=False
    )
    assert "users" in statements[0]
    assert not [table for table in TABLES if table in statements[0]]


SECRETS = sorted({column for columns in SECRET_COLUMNS.values() for column in columns})


@pytest.mark.parametrize("name", [*SECRETS, "password", "token", "key"])
def test_secrets_are_never_in_it(request_, name):
    before, after = {name: "s3cret", "x": {name: ["s3cret"]}}, {"list": [{name: "s3cret"}]}
    entry = record(request_, "x", None, before=before, after=after)
    entry.refresh_from_db()
    assert entry.before == {name: REDACTED, "x": {name: REDACTED}}
    assert entry.after == {"list": [{name: REDACTED}]}


def test_secret_columns_are_all_that_sound_like_one(django_db_setup):
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT table_name::text, array_agg(column_name::text) FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')
                AND column_name ~ '(token|hash|secret|password)' GROUP BY 1
        """)
        found = {table: frozenset(columns) for table, columns in cursor.fetchall()}
    assert found == SECRET_COLUMNS


def test_values_of_every_kind(request_):
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    values = {
        "uuid": uuid.UUID(int=1),
        "time": moment,
        "number": Decimal("1.50"),
        "nothing": None,
        "tags": ("a", "b"),
        "json": {"a": [1, True, None]},
        "odd": object,
    }
    entry = record(request_, "x", None, after=values)
    entry.refresh_from_db()
    assert entry.after == {
        "uuid": "00000000-0000-0000-0000-000000000001",
        "time": "2026-01-02T03:04:00Z",
        "number": "1.50",
        "nothing": None,
        "tags": ["a", "b"],
        "json": {"a": [1, True, None]},
        "odd": "<class 'object'>",
    }
    assert redact(None) is None


def test_long_and_invalid_headers_fit_in_the_log(request_):
    request_.META["HTTP_USER_AGENT"] = "x\0é" * 1000
    request_.META["REMOTE_ADDR"] = ""
    entry = record(request_, "x", baker.make(Track, title="t" * 255))
    entry.refresh_from_db()
    assert len(entry.user_agent) == 255
    assert entry.address is None


def test_a_token_is_named_without_its_hash(request_):
    """The label is the row's `__str__`: it must not contain a secret."""
    session = baker.make(UserSession, token_hash="s3cret")
    assert "s3cret" not in record(request_, "x", session).subject_label


@pytest.mark.parametrize(
    "where",
    [
        "true ORDER BY created_at DESC, id DESC LIMIT 50",
        f"staff_id = '{uuid.UUID(int=1)}' ORDER BY created_at DESC, id DESC LIMIT 50",
        "action = 'users.ban' ORDER BY created_at DESC, id DESC LIMIT 50",
        "staff_name = 'alice' ORDER BY created_at DESC, id DESC LIMIT 50",
        "subject_table = 'users' ORDER BY created_at DESC, id DESC LIMIT 50",
        "subject_id = 'x' ORDER BY created_at DESC, id DESC LIMIT 50",
    ],
)
def test_every_filter_reads_in_the_order_of_an_index(where):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM django.veza_site_stafflogentry WHERE {where}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan" in plan
    assert "Sort" not in plan
