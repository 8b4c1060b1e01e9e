"""Nobody can empty or forge the staff log unseen, by any means of PostgreSQL."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from model_bakery import baker

from tests.staff import make_user
from tests.support import ROOT
from veza_site.append_only import APPEND_ONLY, GUARDING, changes
from veza_site.models import Note, StaffLogEntry
from veza_site.status.attention import concerns_of
from veza_site.status.questions import staff_log
from veza_site.support.log import record_command

pytestmark = pytest.mark.django_db

LOG, NOTES = APPEND_ONLY
MODELS = {LOG: StaffLogEntry, NOTES: Note}
DOCUMENT = ROOT / "docs" / "operations.md"
#: {} stands for the table.
PARENT = "CREATE TABLE django.above (LIKE django.{0}); ALTER TABLE django.{0} INHERIT django.above"
CHILD = "CREATE TABLE django.below () INHERITS (django.{0})"
TARGET = (
    "CREATE TABLE django.target AS SELECT id FROM django.{0}; ALTER TABLE django.target ADD PRIMARY"
    " KEY (id); ALTER TABLE django.{0} ADD FOREIGN KEY (id) REFERENCES django.target"
)
#: From PostgreSQL 17 on, a partition has no identity column of its own.
PARTITION = (
    "ALTER TABLE django.{0} ALTER COLUMN id DROP IDENTITY;"
    " CREATE TABLE django.whole (LIKE django.{0}) PARTITION BY RANGE (id);"
    " ALTER TABLE django.whole ATTACH PARTITION django.{0} DEFAULT"
)

#: Ways of the owner around the triggers.
EMPTYING = {
    "by a parent": f"{PARENT}; DELETE FROM django.above",
    "by a parent's update": f"{PARENT}; UPDATE django.above SET id = id + 1",
    "by truncating a parent": f"{PARENT}; TRUNCATE django.above",
    "with a child": f"{CHILD}; DELETE FROM django.{{0}}",
    "alone": f"{CHILD}; DELETE FROM ONLY django.{{0}}",
    "by MERGE": "MERGE INTO django.{0} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "by a data-modifying CTE": "WITH gone AS (DELETE FROM django.{0} RETURNING 1) SELECT FROM gone",
    "as a replica": "SET LOCAL session_replication_role = replica; DELETE FROM django.{0}",
    "by an upsert": "INSERT INTO django.{0} SELECT * FROM django.{0}"
    " ON CONFLICT (id) DO UPDATE SET written_by = 'nobody'",
    "through a view": "CREATE VIEW django.seen AS TABLE django.{0}; DELETE FROM django.seen",
    "by a rule": "CREATE TABLE django.bait AS SELECT 1 AS id; CREATE RULE also AS ON DELETE"
    " TO django.bait DO ALSO DELETE FROM django.{0}; DELETE FROM django.bait",
    "by ON DELETE CASCADE": f"{TARGET} ON DELETE CASCADE; DELETE FROM django.target",
    "by ON UPDATE CASCADE": f"{TARGET} ON UPDATE CASCADE; UPDATE django.target SET id = id + 1",
    "by an event trigger": "CREATE FUNCTION django.react() RETURNS event_trigger LANGUAGE plpgsql"
    " AS 'BEGIN DELETE FROM django.{0}; END'; CREATE EVENT TRIGGER react ON ddl_command_end"
    " EXECUTE FUNCTION django.react(); CREATE TABLE django.bait (id int)",
    "as a partition": PARTITION + "; DELETE FROM django.whole",
    "as a partition that is truncated": PARTITION + "; TRUNCATE django.whole",
    "as a partition, by moving": PARTITION + "; UPDATE django.whole SET id = id + 1",
    "with TRUNCATE of all": "TRUNCATE django.{0}, django.django_session CASCADE",
}
#: Statements that only the owner of the tables can run, and the report of `status`.
DISARMING = {
    "ALTER TABLE django.{} DISABLE TRIGGER ALL": "is missing, disabled or changed",
    "ALTER TABLE django.{} DISABLE TRIGGER stamp_{word}": "stamp_{word} is missing, disabled",
    "ALTER TABLE django.{} ENABLE TRIGGER refuse_change_of_{word}": "is missing, disabled",
    "DROP TRIGGER refuse_change_of_row_of_{word} ON django.{}": "is missing, disabled or changed",
    "CREATE OR REPLACE FUNCTION django.refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN OLD; END'": "function django.refuse_change is missing or changed",
    "CREATE RULE none AS ON INSERT TO django.{} DO INSTEAD NOTHING": "rule none was added",
    "CREATE TRIGGER silence BEFORE INSERT ON django.{} FOR EACH ROW WHEN (false)"
    " EXECUTE FUNCTION django.stamp_entry()": "trigger silence was added",
    "ALTER TABLE django.{} ENABLE ROW LEVEL SECURITY": "row security hides rows",
    "ALTER TABLE django.{} SET UNLOGGED": "a crash would empty it",
    "ALTER TABLE django.{0} RENAME TO kept; CREATE VIEW django.{0} AS TABLE"
    " django.kept": "is missing, disabled or changed",
    "ALTER TABLE django.{0} RENAME TO kept; CREATE TABLE django.{0} (LIKE django.kept"
    " INCLUDING ALL)": "is missing, disabled or changed",
    "ALTER TABLE django.{0} SET SCHEMA public": "is missing, disabled or changed",
    "DROP TABLE django.{}": "is missing, disabled or changed",
    "CREATE TABLE public.{0} (LIKE django.{0} INCLUDING ALL)": "written in its place",
    "CREATE VIEW public.{0} AS TABLE django.{0}": "written in its place",
    "ALTER TABLE django.{} DROP COLUMN created_at, ADD COLUMN created_at timestamptz"
    " GENERATED ALWAYS AS (timestamptz '2020-01-01 00:00:00Z') STORED": "created_at is generated",
    PARTITION: "it has parent whole",
    PARENT: "it has parent above",
    CHILD: "it has child below",
}


def run(statement: str, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{word}", APPEND_ONLY[table]).format(table))


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("way", EMPTYING)
def test_no_way_to_empty_it(table: str, way: str) -> None:
    """In the session of the owner, who is also a superuser."""
    baker.make(MODELS[table])
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        run(EMPTYING[way], table)
    assert MODELS[table].objects.count() == 1


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", DISARMING)
def test_status_tells_of_what_an_owner_did(table: str, statement: str) -> None:
    assert changes(connection) == []
    assert concerns_of({"staff_log": staff_log(connection)}) == []
    run(statement, table)
    [concern] = concerns_of({"staff_log": staff_log(connection)})
    assert DISARMING[statement].replace("{word}", APPEND_ONLY[table]) in concern.message


ARMED = [name.format("{word}") for name in GUARDING]
#: Changes that no trigger prevents and `status` does not see: see docs/operations.md.
UNSEEN = {
    "rewritten": "ALTER TABLE django.{} ALTER COLUMN {column} TYPE text USING 'rewritten'",
    "disarmed for a moment": "ALTER TABLE django.{0} DISABLE TRIGGER USER;"
    " UPDATE django.{0} SET {column} = 'rewritten';"
    + "".join(f" ALTER TABLE django.{{0}} ENABLE ALWAYS TRIGGER {name};" for name in ARMED),
}


@pytest.mark.parametrize("way", UNSEEN)
@pytest.mark.parametrize(("table", "column"), [(LOG, "reason"), (NOTES, "text")])
def test_what_nobody_can_see(table: str, column: str, way: str) -> None:
    """The owner of a table can always change its rows, so copy them to another place."""
    baker.make(MODELS[table])
    run(UNSEEN[way].replace("{column}", column), table)
    assert MODELS[table].objects.values_list(column, flat=True).get() == "rewritten"
    assert changes(connection) == []
    said = " ".join(DOCUMENT.read_text().split())
    assert "`ALTER TABLE … TYPE … USING`, or disables the triggers for a moment" in said


@pytest.mark.parametrize("model", MODELS.values())
def test_nobody_backdates(model: Any) -> None:
    """The time and role that a client sends are ignored."""
    entry = baker.make(model, created_at=datetime(2020, 1, 1, tzinfo=UTC), written_by="somebody")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO django.{model._meta.db_table} OVERRIDING USER VALUE"
            f" SELECT * FROM django.{model._meta.db_table}"
        )
        cursor.execute("SELECT session_user::text")
        (role,) = cursor.fetchone()
    entries = list(model.objects.all())
    assert [each.written_by for each in entries] == [role] * 2
    assert all(timezone.now() - each.created_at < timedelta(hours=1) for each in entries)
    assert entry.pk in {each.pk for each in entries}


@pytest.mark.parametrize("model", MODELS.values())
def test_no_transaction_that_was_kept_open_backdates(model: Any) -> None:
    """`now()` is the beginning of the transaction, which may be days ago."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (before,) = cursor.fetchone()
        entry = baker.make(model)
        # Nor does a long statement.
        cursor.execute(
            f"WITH late AS MATERIALIZED (SELECT clock_timestamp() AS time FROM pg_sleep(0.01)),"
            f" added AS (INSERT INTO django.{model._meta.db_table} OVERRIDING USER VALUE"
            f" SELECT entry.* FROM late, django.{model._meta.db_table} AS entry"
            " RETURNING created_at) SELECT created_at > time FROM added, late"
        )
        assert cursor.fetchone() == (True,)
    entry.refresh_from_db()
    assert entry.created_at > before


def test_a_command_signs_with_the_user_that_the_kernel_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody_else")
    entry = record_command("grant_staff", "user_roles.grant", make_user("bob"))
    assert "somebody_else" not in entry.staff_name
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    entry = record_command("grant_staff", "user_roles.grant", make_user("eve"))
    assert entry.staff_name == "manage.py grant_staff (uid 4000000)"
