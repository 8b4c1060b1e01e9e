"""`status` ends within a second: it limits each statement, lock and replica, and the total."""

import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from tests.in_process import default_database
from tests.site.conftest import other_transaction
from veza_site.status import deadline, report
from veza_site.status.query import rows
from veza_site.status.questions import QUESTIONS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("table", "questions"),
    [
        ("public.tracks", {"purge_due"}),
        ("django.veza_site_jobrun", {"backup", "purge", "recount", "weekly_plays"}),
        ("django.django_migrations", {"history"}),
        ("public.hls_transcode_queue", {"queue"}),
    ],
)
def test_a_lock_is_not_waited_for(platform, monkeypatch, table, questions):
    monkeypatch.setattr(report, "LONGEST_WAIT", 0.1)
    with other_transaction(platform, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"):
        answers = platform.answers(2)
        result = platform.status()
    assert answers["unanswered"] == dict.fromkeys(questions, "it waits for a lock")
    assert set(QUESTIONS) - set(answers) == questions
    for question in questions:
        told = rf"(?m)^{question.replace('_', ' ')} +unknown: it waits for a lock$"
        assert re.search(told, result.stdout)


def sleeping(database: Any) -> Any:
    return rows(database, "SELECT pg_sleep(600)")


def test_a_check_that_takes_too_long(platform, monkeypatch):
    monkeypatch.setattr(report, "LONGEST_STATEMENT", 0.1)
    monkeypatch.setitem(QUESTIONS, "schema", sleeping)
    # On a busy machine another question may take that long too.
    assert platform.answers(2)["unanswered"]["schema"] == "it took too long"


def test_the_total_is_limited(platform, monkeypatch):
    monkeypatch.setattr(report, "LONGEST", 1.0)
    monkeypatch.setattr(report, "LONGEST_STATEMENT", 0.5)
    for name in QUESTIONS:
        monkeypatch.setitem(QUESTIONS, name, sleeping)
    told = list(platform.answers(2)["unanswered"].values())
    assert len(told) == len(QUESTIONS)
    assert told[0] == "it took too long"
    assert told[-1] == "no time was left"


def test_each_statement_gets_what_is_left(platform, monkeypatch):
    """No statement of the question exceeds its limit, but together they do: 150 s each of 400 s."""
    clock = [0.0]
    limits: list[int] = []

    def of_many_statements(database: Any) -> Any:
        while True:
            [row] = rows(
                database, "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"
            )
            limits.append(row["setting"])
            clock[0] += 150.0

    for limit, seconds in (("LONGEST", 400.0), ("LONGEST_STATEMENT", 200.0)):
        monkeypatch.setattr(report, limit, seconds)
    monkeypatch.setattr(deadline, "monotonic", lambda: clock[0])
    monkeypatch.setitem(QUESTIONS, next(iter(QUESTIONS)), of_many_statements)
    told = platform.answers(2)["unanswered"]
    assert limits == [200_000, 200_000, 100_000]
    assert set(told.values()) == {"no time was left"}
    assert told.keys() >= QUESTIONS.keys() - {"admin_replicas"}


def test_a_replica_is_waited_for_no_longer_than_the_report_lasts(platform, monkeypatch, settings):
    answered = threading.Event()
    settings.REPLICAS = ["replica_1"]
    silent = SimpleNamespace(
        alias="replica_1", why="", behind=None, look_alone=lambda primary: answered.wait()
    )
    monkeypatch.setattr("veza_site.status.questions.replicas", lambda: [silent])
    try:
        with default_database(platform.name), deadline.within(0.0):
            answer = QUESTIONS["admin_replicas"](connection)
    finally:
        answered.set()
    assert answer == {"replica_1": {"left_because": "no answer in time", "seconds_behind": None}}
