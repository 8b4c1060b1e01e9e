"""Actions while other services lock the same rows, with real connections and locks."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.acting import columns, entries, open_page, url
from tests.staff import make_staff, signed_in
from tests.support import server_parameters
from veza_core.models import User
from veza_core.screens.actions import perform

pytestmark = pytest.mark.django_db


def other_service() -> psycopg.Connection[Any]:
    return psycopg.connect(**server_parameters(), dbname=connection.settings_dict["NAME"])


@pytest.fixture(scope="module")
def committed(django_db_setup: None) -> Iterator[list[str]]:
    """Usernames of committed accounts, which are deleted after the tests."""
    names = [f"locked_{uuid.uuid4().hex[:12]}" for _ in range(3)]
    with other_service() as service:
        for name in names:
            service.execute(
                "INSERT INTO users (username, email) VALUES (%s, %s)", [name, f"{name}@example.com"]
            )
    yield list(names)
    with other_service() as service:
        service.execute("DELETE FROM users WHERE username = ANY(%s)", [names])


@pytest.fixture
def bob(committed: list[str], db: None) -> User:
    return User.objects.get(username=committed.pop())


@pytest.fixture
def support() -> Client:
    return signed_in(make_staff())


def test_a_locked_row_is_waited_for_up_to_a_limit(
    support: Client, bob: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(perform, "LOCK_TIMEOUT", 100)
    sent = {"row": open_page(support, bob, "ban"), "reason": "because", "confirm": bob.username}
    with other_service() as service:
        service.execute("UPDATE users SET token_version = 7 WHERE id = %s", [bob.pk])
        response = support.post(url(bob, "ban"), sent)
        service.rollback()
    assert response.status_code == 409
    assert "Try again" in response.content.decode()
    assert columns(bob, "is_banned") == (False,)
    assert not entries("users.ban")


def test_a_change_that_is_committed_meanwhile_is_a_conflict(support: Client, bob: User):
    """The action waits for the other commit, and then sees the change."""
    sent = {"row": open_page(support, bob, "ban"), "reason": "because", "confirm": bob.username}
    with other_service() as service:
        service.execute("UPDATE users SET is_banned = true WHERE id = %s", [bob.pk])
        commit = threading.Timer(0.3, service.commit)
        commit.start()
        response = support.post(url(bob, "ban"), sent)
        commit.join()
    assert response.status_code == 409
    assert columns(bob, "is_banned", "token_version") == (True, 0)
    assert not entries("users.ban")


def test_rows_that_refer_to_it_may_come_meanwhile(support: Client, bob: User):
    """A foreign key's check does not wait for this lock."""
    seen: list[str] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "veza_site_stafflogentry" in sql and not seen:
            with other_service() as service:
                service.execute("SET lock_timeout = '2s'")
                service.execute(
                    "INSERT INTO playlists (user_id, title) VALUES (%s, 'Mine')", [bob.pk]
                )
            seen.append(sql)
        return result

    sent = {"row": open_page(support, bob, "ban"), "reason": "because", "confirm": bob.username}
    with connection.execute_wrapper(listen):
        assert support.post(url(bob, "ban"), sent).status_code == 302
    assert seen
