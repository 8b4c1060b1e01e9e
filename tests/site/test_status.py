"""`manage.py status`: its output, its exit status, and its small load for the server."""

import io
import json
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from tests.in_process import default_database
from tests.schema import catalog
from tests.schema.rows import Rows
from tests.site.conftest import Platform, other_transaction
from tests.support import (
    administer,
    database_environment,
    is_one_clear_line,
    manage,
    manage_process,
    scratch_database,
    server_parameters,
)
from veza_site.status import attention, questions
from veza_site.status.query import rows
from veza_site.status.questions import QUESTIONS
from veza_site.status.report import read_report

pytestmark = pytest.mark.django_db


def test_healthy(platform, tmp_path):
    """Nothing needs attention after the jobs have run, but it did before."""
    platform.session.execute("TRUNCATE django.veza_site_jobrun")
    assert [concern["message"] for concern in platform.answers(1)["attention"]] == [
        "no backup_db was recorded",
        "no purge was recorded",
        "no count_weekly_plays was recorded",
    ]
    environment = database_environment(platform.name)
    backup = tmp_path / "backup.dump"
    assert platform.answers(1)["recount"] == {"finished_at": None, "age": None}
    for command in (["backup_db", str(backup)], ["purge"], ["count_weekly_plays"], ["recount"]):
        assert manage(*command, **environment).returncode == 0
    answers = platform.answers(0)
    assert set(answers) == {*QUESTIONS, "attention", "unanswered", "seconds"}
    assert (answers["attention"], answers["unanswered"]) == ([], {})
    assert answers["backup"]["file"] == str(backup)
    assert answers["backup"]["bytes"] == backup.stat().st_size
    assert (answers["purge"]["deleted"], answers["weekly_plays"]["left"]) == (0, 0)
    assert (answers["recount"]["rows"], answers["recount"]["left"]) == (0, 0)
    assert answers["server"]["database"] == platform.name
    assert answers["history"]["v1_complete"] is True

    result = platform.status()
    assert (result.returncode, result.stderr) == (0, "")
    told = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert sorted(told) == sorted(name.replace("_", " ") for name in QUESTIONS)


def jobs_aged(job: str, hours: float) -> str:
    return (
        f"UPDATE django.veza_site_jobrun SET finished_at = now() - interval '{hours} hours' "
        f"WHERE job = '{job}'"
    )


@pytest.mark.parametrize(
    ("question", "statement", "told"),
    [
        (
            "history",
            "DELETE FROM django.django_migrations WHERE name LIKE '900%'",
            r"migrations are pending: veza_core\.900_\w+",
        ),
        (
            "history",
            "INSERT INTO django.django_migrations (app, name, applied) "
            "VALUES ('veza_core', '990_later', now())",
            r"the database is newer than this release: veza_core\.990_later",
        ),
        ("backup", jobs_aged("backup_db", 27), "the last backup_db was 27 h ago"),
        ("purge", jobs_aged("purge", 27), "the last purge was 27 h ago"),
        (
            "weekly_plays",
            jobs_aged("count_weekly_plays", 0.75),
            "the last count_weekly_plays was 45 min ago",
        ),
        (
            "invalid_indexes",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_pkey'::regclass",
            "invalid indexes: users_pkey",
        ),
    ],
)
def test_attention(platform, question, statement, told):
    platform.session.execute(statement)
    [concern] = platform.answers(1)["attention"]
    assert concern["question"] == question
    assert re.fullmatch(told, concern["message"])
    result = platform.status()
    assert (result.returncode, result.stderr) == (1, f"Attention: {concern['message']}\n")
    assert platform.status("--ignore", question).returncode == 0


@pytest.mark.parametrize(
    ("state", "hours", "code"),
    [("pending", 2, 1), ("processing", 2, 1), ("pending", 0.5, 0), ("completed", 9, 0)],
)
def test_a_stuck_transcode_job(platform, state, hours, code):
    platform.session.execute("SET search_path = public, django")
    cursor = platform.session.cursor()
    table = Rows(cursor, catalog.read(cursor))
    ended = "2026-01-01T00:00:00Z" if state == "completed" else None
    row = table.insert("hls_transcode_queue", status=state, completed_at=ended)
    platform.session.execute(
        f"UPDATE hls_transcode_queue SET created_at = now() - interval '{hours} hours' "
        "WHERE id = %s",
        [row],
    )
    answers = platform.answers(code)
    assert answers["queue"][state]["number"] == 1
    expected = [f"a transcode job has been {state} for 2 h"] if code else []
    assert [concern["message"] for concern in answers["attention"]] == expected


def test_what_a_purge_would_look_for(platform):
    assert platform.answers(0)["purge_due"] == {}
    platform.session.execute(
        "INSERT INTO public.users (email, username, deleted_at) "
        "SELECT 'user' || n || '@example.com', 'user' || n, now() - interval '31 days' "
        "FROM generate_series(1, 1100) AS n"
    )
    assert platform.answers(0)["purge_due"] == {"users.deleted_at": 1000}
    assert "users.deleted_at 1,000+" in platform.status().stdout


def test_planner(platform, monkeypatch):
    """The embedded server starts with the setting, so all of its databases have it."""
    assert platform.answers(0)["planner"]["random_page_cost"] == 1.1
    answer = {"random_page_cost": 4.0, "source": "default"}
    monkeypatch.setitem(QUESTIONS, "planner", lambda database: answer)
    [concern] = platform.answers(1)["attention"]
    assert concern["message"] == "random_page_cost is PostgreSQL's default, 4"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, []), (3 * 3600, ["3 h ahead of"]), (-3 * 3600, ["3 h behind"])],
)
def test_clock(platform, monkeypatch, seconds, told):
    """However long the server takes to answer: it reports no difference if there is none."""
    right, waited = time.time, iter([0, 60])
    late = SimpleNamespace(time=lambda: right() + next(waited) + seconds)
    monkeypatch.setattr(questions, "time", late)
    concerns = platform.answers(len(told))["attention"]
    assert [concern["message"] for concern in concerns] == [
        f"this machine's clock is {each} the server's" for each in told
    ]


def test_thresholds_of_the_server(platform, monkeypatch):
    """Every server is over a threshold of 0: the figures are those of the live server."""
    for name in ("TRANSACTION_AGE", "CONNECTIONS_SHARE", "FREEZE_SHARE"):
        monkeypatch.setattr(attention, name, -1)
    with other_transaction(platform, "SELECT"):
        told = [concern["message"] for concern in platform.answers(1)["attention"]]
    patterns = (
        r"\d+ of \d+ connections are in use",
        r"a transaction is \d+ s old: pid \d+",
        r"transaction ids are [\d,]+ old, and autovacuum freezes them at 200,000,000",
        r"multixact ids are [\d,]+ old, and autovacuum freezes them at 400,000,000",
    )
    assert len(told) == len(patterns)
    assert all(map(re.fullmatch, patterns, told)), told


def test_a_slot_that_keeps_wal(platform, monkeypatch):
    slot = f"test_{uuid.uuid4().hex[:12]}"
    platform.session.execute("SELECT pg_create_physical_replication_slot(%s, true)", [slot])
    try:
        monkeypatch.setattr(attention, "SLOT_BYTES", -1)
        told = [concern["message"] for concern in platform.answers(1)["attention"]]
    finally:
        platform.session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
    assert f"replication slot {slot} keeps 0 GiB" in told


def test_nothing_can_be_written(platform, monkeypatch):
    def writing(database: Any) -> Any:
        return rows(database, "UPDATE django.veza_site_jobrun SET seconds = 99 RETURNING job")

    monkeypatch.setitem(QUESTIONS, "schema", writing)
    assert platform.answers(2)["unanswered"] == {
        "schema": "cannot execute UPDATE in a read-only transaction"
    }
    assert platform.session.execute("SELECT max(seconds) FROM django.veza_site_jobrun").fetchone()
    # The session is as before: a process that serves /metrics writes with it.
    with default_database(platform.name):
        read_report(connection)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django.veza_site_jobrun SET seconds = 2")
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


@pytest.fixture
def as_role(platform: Platform) -> Iterator[Callable[..., tuple[int, dict[str, Any]]]]:
    """Run it as a new role with these grants; return the exit status and the JSON."""
    role = sql.Identifier(f"status_{uuid.uuid4().hex[:12]}")
    administer(sql.SQL("CREATE ROLE {}").format(role))

    def ask(*grants: str) -> tuple[int, dict[str, Any]]:
        for grant in grants:
            platform.session.execute(sql.SQL(grant).format(role=role))
        out = io.StringIO()
        with default_database(platform.name):
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET ROLE {}").format(role))
            with pytest.raises(SystemExit) as leave:
                call_command("status", as_json=True, stdout=out)
        return leave.value.code, json.loads(out.getvalue())

    yield ask
    platform.session.execute(sql.SQL("DROP OWNED BY {}").format(role))
    administer(sql.SQL("DROP ROLE {}").format(role))


def test_a_role_without_any_privilege(as_role):
    code, answers = as_role()
    assert code == 2
    monitor = "the role sees only its own sessions: GRANT pg_monitor to it"
    tables = (
        *("history", "backup", "purge", "weekly_plays", "recount"),
        *("queue", "purge_due", "staff_log"),
    )
    assert answers["unanswered"] == {
        **dict.fromkeys(tables, "the role cannot read that"),
        **dict.fromkeys(("transactions", "replication"), monitor),
    }
    assert answers["connections"]["used"] > 0


def test_a_role_that_monitors(as_role):
    code, answers = as_role("GRANT pg_monitor TO {role}", "GRANT USAGE ON SCHEMA django TO {role}")
    assert code == 2
    assert {"transactions", "replication"} <= set(answers)
    assert answers["unanswered"]["backup"] == "the role cannot read that"


def test_another_roles_build_hides_no_invalid_index(platform, as_role):
    """A role without pg_monitor sees that somebody builds an index, but not which one."""
    platform.session.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_pkey'::regclass"
    )
    writes = "INSERT INTO public.users (email, username) VALUES ('alice@example.com', 'alice')"
    parameters = {**server_parameters(), "dbname": platform.name, "autocommit": True}
    with (
        closing(psycopg.connect(**parameters)) as builder,
        other_transaction(platform, writes),
    ):
        # It waits for that transaction.
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY slow ON public.users (email)")
        while not platform.session.execute(
            "SELECT FROM pg_stat_progress_create_index WHERE pid = %s AND phase LIKE 'waiting%%'",
            [builder.info.backend_pid],
        ).rowcount:
            time.sleep(0.01)
        _, answers = as_role()
    assert "users_pkey" in answers["invalid_indexes"]["names"]


def test_before_the_first_migrate():
    with scratch_database() as name:
        result = manage("status", "--json", **database_environment(name))
    answers = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (1, "")
    assert answers["history"]["applied"] == 0
    assert answers["unanswered"]["queue"] == "it does not exist: migrations are pending"
    assert answers["attention"][0]["message"].startswith("migrations are pending: ")


@pytest.mark.process
def test_database_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://veza:s3cret@127.0.0.1:{port}/veza"
    result = manage_process("status", "--json", DATABASE_URL=url)
    assert (result.returncode, result.stdout) == (2, "")
    assert is_one_clear_line(result)
    assert "s3cret" not in result.stderr


def test_ignoring_an_unknown_check(platform):
    result = platform.status("--ignore", "weather")
    assert result.returncode == 2
    assert "invalid choice: 'weather'" in result.stderr
