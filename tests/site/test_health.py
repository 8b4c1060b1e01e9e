"""`/healthz` says whether a pod is ready, and reveals nothing else."""

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client, RequestFactory

from tests.counts import TABLES
from tests.support import ROOT
from veza_core.db.schema_version import declared_version
from veza_site import health

pytestmark = pytest.mark.django_db

ASK = """
import django
django.setup()
from django.test import Client
response = Client().get("/healthz")
print(response.status_code, response.text)
"""


def test_complete(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "schema": str(declared_version())},
    )
    assert response["Cache-Control"] == "no-store"


def test_however_many_ask_the_database_is_asked_once(
    client, monkeypatch, django_assert_max_num_queries
):
    """Also with a query, and by HEAD."""
    monkeypatch.setattr(health, "FRESH", 600.0)
    with django_assert_max_num_queries(6):
        for number in range(20):
            assert client.get(f"/healthz?{number}").json()["status"] == "ok"
            assert client.head("/healthz").status_code == 200


def test_an_answer_is_given_again_for_a_second(client):
    assert health.FRESH == 1.0
    assert client.get("/healthz").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django.django_migrations WHERE name LIKE '900%'")
    deadline = time.monotonic() + 60
    while client.get("/healthz").status_code == 200:
        assert time.monotonic() < deadline


def test_those_who_ask_at_once_wait_for_one_answer(monkeypatch):
    """Each thread would open a connection of its own."""
    asked, others = [], threading.Barrier(8)

    def state():
        asked.append(True)
        # The others are about to query, or already wait.
        others.wait(60)
        return {"status": "ok"}

    def ask(number):
        if number:
            others.wait(60)
        return middleware(RequestFactory().get("/healthz")).status_code

    monkeypatch.setattr(health, "FRESH", 600.0)
    monkeypatch.setattr(health, "state", state)
    middleware = health.HealthMiddleware(pytest.fail)
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(ask, range(8))] == [200] * 8
    assert asked == [True]


def test_a_migration_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django.django_migrations WHERE name LIKE '900%'")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "reason": "1 migration not applied",
        "schema": str(declared_version()),
    }


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DROP TABLE playlist_tracks", "1 table missing"),
        ("ALTER TABLE users RENAME TO people", "1 table missing"),
        ("ALTER TABLE users SET SCHEMA chat", "1 table missing"),
        ("DROP TABLE django.django_session", "1 table missing"),
        ("DROP SCHEMA public CASCADE", "{own} tables missing"),
        ("ALTER SCHEMA public RENAME TO old", "{own} tables missing"),
        ("DROP SCHEMA django CASCADE", "{all} migrations not applied"),
        ("DROP TABLE django.django_migrations", "{all} migrations not applied"),
    ],
)
def test_tables_are_gone(client, damage, reason):
    every = len(MigrationLoader(None).disk_migrations)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA chat; {damage}")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["reason"] == reason.format(all=every, own=TABLES)


def test_the_history_is_locked(client):
    with (
        psycopg.connect(**connection.get_connection_params()) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLE django.django_migrations")
        response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": "history of migrations locked"}


@pytest.mark.process
def test_database_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://veza:s3cret@127.0.0.1:{port}/veza"
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={
            "DJANGO_SETTINGS_MODULE": "veza_site.settings",
            "DEBUG": "1",
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    status, body = done.stdout.split(maxsplit=1)
    assert status == "503"
    assert json.loads(body) == {"status": "unavailable", "reason": "database unreachable"}


def test_probes_come_by_address_and_over_plain_http(settings):
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["admin.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    assert Client(headers={"host": "10.0.0.7:8000"}).get("/healthz").status_code == 200


def test_only_reading(client):
    assert client.post("/healthz").status_code == 405
    assert client.head("/healthz").status_code == 200
