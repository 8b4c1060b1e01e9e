"""`/metrics`: who can read it, that Prometheus can, and that it reports the same as `status`."""

import json
import re
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.in_process import default_database
from tests.support import (
    ROOT,
    database_environment,
    database_name,
    manage,
    scratch_database,
    server_parameters,
)
from veza_site.status import attention
from veza_site.status.prometheus import HELP, render
from veza_site.status.query import NotAllowedError
from veza_site.status.questions import QUESTIONS
from veza_site.status.report import StatusReport, read_report

pytestmark = pytest.mark.django_db

TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
VALUE = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ({VALUE})")
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

type Labels = frozenset[tuple[str, str]]


def parsed(text: str) -> dict[tuple[str, Labels], float]:
    """The samples. As the format requires, each family is in one piece, after its two lines."""
    samples: dict[tuple[str, Labels], float] = {}
    families: list[str] = []
    assert text.endswith("\n")
    lines = iter(text[:-1].split("\n"))
    for line in lines:
        if line.startswith("#"):
            found = re.fullmatch(rf"# HELP ({NAME}) ([^\\\n]+)", line)
            assert found, line
            assert found[1] not in families
            families.append(found[1])
            assert next(lines) == f"# TYPE {found[1]} gauge"
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] == families[-1], line
        labels = re.findall(LABEL, sample[2] or "")
        assert len({name for name, _ in labels}) == len(labels)
        key = frozenset(
            (name, re.sub(r"\\.", lambda escape: UNESCAPED[escape[0]], value))
            for name, value in labels
        )
        assert (sample[1], key) not in samples, f"twice: {line}"
        samples[sample[1], key] = float(sample[sample.lastindex or 0])
    assert {name for name, _ in samples} == set(families)
    return samples


def by_label(samples: dict[tuple[str, Labels], float], name: str) -> dict[str, float]:
    """The values of a metric by its only label."""
    return {
        dict(labels).popitem()[1]: value for (of, labels), value in samples.items() if of == name
    }


@pytest.fixture
def token(settings):
    settings.METRICS_TOKEN = TOKEN


def test_without_a_token_there_is_no_such_page(client, settings):
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer"}):
        assert client.get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}", f"Bearer {TOKEN.upper()}", f"Basic {TOKEN}", TOKEN,
        "Bearer é\x80", f"Bearer {TOKEN}, x",
    ],
)  # fmt: skip
def test_another_token(token, client, django_assert_num_queries, given):
    with django_assert_num_queries(0):
        response = client.get("/metrics", headers={} if given is None else {"Authorization": given})
    assert (response.status_code, response.content) == (401, b"")
    assert response["WWW-Authenticate"] == "Bearer"


def test_the_token_is_not_taken_from_the_address(token, client):
    assert client.get(f"/metrics?token={TOKEN}", headers={}).status_code == 401


def test_only_reading(token, client):
    assert client.post("/metrics", headers=BEARER).status_code == 405
    assert client.head("/metrics", headers=BEARER).content == b""


def test_headers(token, settings):
    """Prometheus uses an IP address and plain HTTP, and no proxy may cache the answer."""
    settings.ALLOWED_HOSTS = ["admin.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    response = Client(headers={"host": "10.0.0.7:8000", **BEARER}).get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    assert response.cookies == {}
    parsed(response.text)


def test_the_same_as_status(token, migrated, monkeypatch):
    def forbidden(database: Any) -> Any:
        raise NotAllowedError("no")

    monkeypatch.setitem(QUESTIONS, "schema", forbidden)
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
            session.execute(
                "INSERT INTO django.veza_site_jobrun (job, finished_at, seconds, details) VALUES "
                "('backup_db', now() - interval '3 days', 1, '{\"bytes\": 123}'), "
                "('purge', now(), 1, '{}')"
            )
            session.execute("DELETE FROM django.django_migrations WHERE name LIKE '900%'")
            session.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_pkey'::regclass"
            )
            session.execute(
                "INSERT INTO public.users (email, username, deleted_at) "
                "VALUES ('alice@example.com', 'alice', now() - interval '31 days')"
            )
        told = json.loads(manage("status", "--json", **database_environment(name)).stdout)
        with default_database(name):
            samples = parsed(Client().get("/metrics", headers=BEARER).text)
    concerns = [concern["question"] for concern in told["attention"]]
    assert by_label(samples, "veza_attention") == {
        question: concerns.count(question) for question in QUESTIONS if question != "schema"
    }
    assert sorted(concerns) == ["backup", "history", "invalid_indexes", "weekly_plays"]
    assert by_label(samples, "veza_question_answered") == {
        question: question not in told["unanswered"] for question in QUESTIONS
    }
    assert by_label(samples, "veza_job_success_timestamp_seconds") == {
        job: datetime.fromisoformat(told[question]["finished_at"]).timestamp()
        for job, question in (("backup_db", "backup"), ("purge", "purge"))
    }
    assert by_label(samples, "veza_purge_due_rows") == told["purge_due"] == {"users.deleted_at": 1}
    assert by_label(samples, "veza_transcode_jobs") == {
        state: jobs["number"] for state, jobs in told["queue"].items()
    }
    alone = {name: value for (name, labels), value in samples.items() if not labels}
    assert alone["veza_database_up"] == 1
    assert alone["veza_backup_bytes"] == 123
    assert alone["veza_migrations_pending"] == len(told["history"]["pending"])
    assert alone["veza_invalid_indexes"] == len(told["invalid_indexes"]["names"])
    assert alone["veza_connections_most"] == told["connections"]["most"]
    assert alone["veza_random_page_cost"] == told["planner"]["random_page_cost"]


def test_the_database_is_not_there(token):
    with default_database(database_name("nowhere", "scratch")):
        connection.settings_dict.pop("EMBEDDED", None)
        connection.settings_dict.update(HOST="/nowhere", PORT="1")
        response = Client().get("/metrics", headers=BEARER)
    assert response.status_code == 200
    assert parsed(response.text) == {("veza_database_up", frozenset()): 0}


def test_many_requests_cost_one_check(token, client, django_assert_num_queries):
    first = client.get("/metrics", headers=BEARER).text
    with django_assert_num_queries(0):
        assert client.get("/metrics", headers=BEARER).text == first


REPLICA = {"application_name": 'a "b" \\n c\\\nd', "address": None, "seconds_behind": 1.5}
REPLICATION = {
    "replicas": [REPLICA, {**REPLICA, "seconds_behind": 90.25}],
    "slots": [{"name": "s", "wal_status": "lost", "bytes_kept": None}],
    "seconds_behind": 0.0,
}


def test_labels_may_hold_anything():
    """Of two replicas with the same name and address, the one that is further behind counts."""
    samples = parsed(render(StatusReport(answers={"replication": REPLICATION})))
    labels = frozenset({("replica", REPLICA["application_name"]), ("address", "")})
    assert samples["veza_replica_lag_seconds", labels] == 90.25
    assert by_label(samples, "veza_slot_lost") == {"s": 1}


def exported() -> set[str]:
    """The names of all metrics."""
    report = read_report(connection)
    report.answers["replication"] = REPLICATION
    report.answers["admin_replicas"] = {"replica_1": {"left_because": "", "seconds_behind": 0.0}}
    report.answers["nodes"] = {"10.0.3.8:5432": None}
    report.answers["purge_due"] = {"users.deleted_at": 1}
    report.answers["backup"] = {"finished_at": "2026-01-01T00:00:00Z", "bytes": 1}
    return {name for name, _ in parsed(render(report))}


def test_every_metric_is_explained():
    assert exported() == set(HELP)


def test_alerts_use_existing_metrics():
    rules = (ROOT / "deploy/prometheus/veza.rules.yml").read_text()
    assert set(re.findall(r"\bveza_\w+", rules)) <= exported()
    jobs = set(re.findall(r'job="(\w+)"', rules))
    assert jobs == {"backup_db", "purge", "count_weekly_plays"}


def test_alerts_have_the_thresholds_of_status():
    rules = (ROOT / "deploy/prometheus/veza.rules.yml").read_text()
    found = re.findall(r"(?<=> )[\d.]{2,}(?: \* veza_id| \* veza_conn)?", rules)
    told = [float(number.partition(" ")[0]) for number in found]
    assert told == [
        attention.FREEZE_SHARE,
        attention.CONNECTIONS_SHARE,
        attention.REPLICA_LAG,
        attention.SLOT_BYTES,
        attention.TRANSACTION_AGE,
        attention.TRANSACTION_AGE,
        attention.BACKUP_AGE,
        attention.PURGE_AGE,
        attention.WEEKLY_PLAYS_AGE,
        attention.QUEUE_AGE,
        attention.CLOCK_DIFFERENCE,
    ]
