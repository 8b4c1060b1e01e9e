"""The log has who tried, in fields for programs, but not what was typed."""

import io
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.staff import PASSWORD, make_staff, make_user, post_sign_in
from tests.support import ROOT
from veza_core.models import User
from veza_site.logs import JsonFormatter

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines() -> Any:
    """The lines that the log gets meanwhile, as objects."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("veza.security", "django.request")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for logger in loggers:
        logger.removeHandler(handler)


def reasons(lines: Any) -> list[str]:
    return [line["reason"] for line in lines() if line.get("event") == "sign_in.refused"]


def test_a_line(lines: Any) -> None:
    alice = make_staff()
    client = Client(headers={"user-agent": "Firefox\n" + "x" * 300})
    post_sign_in(client, "alice", "wrong", REMOTE_ADDR="192.0.2.7")
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "veza.security",
        "message": f"event=sign_in.refused reason=wrong_password account={alice.pk}",
        "address": "192.0.2.7",
        "event": "sign_in.refused",
        "reason": "wrong_password",
        "account": str(alice.pk),
        "user_agent": ("Firefox\n" + "x" * 300)[:255],
    }


def test_a_password_of_any_length_is_logged_and_counted(lines: Any) -> None:
    """More than 72 bytes cannot be hashed, and count as any wrong password."""
    make_staff()
    for name in ("alice", "unknown"):
        answers = [post_sign_in(Client(), name, "ä" * 40).status_code for _ in range(6)]
        assert answers == [200] * 5 + [429]
    assert reasons(lines) == [
        *["wrong_password"] * 5, "paused_name_network",
        *["unknown_name"] * 5, "paused_name_network",
    ]  # fmt: skip
    assert "ä" not in json.dumps(lines(), ensure_ascii=False)


def test_what_is_typed_is_not_written(lines: Any) -> None:
    """People type their password into the field of the name."""
    for name in ("my-Password-1", "alice@example.com", "my-Password-1"):
        post_sign_in(Client(), name, "s3cret")
    text = json.dumps(lines())
    assert not [word for word in ("my-Password-1", "alice", "s3cret") if word in text]
    first, other, again = lines()
    assert "account" not in first
    assert first["name_hash"] == again["name_hash"] != other["name_hash"]


def test_each_reason(lines: Any) -> None:
    make_staff()
    make_user("stranger")
    User.objects.create_user("federated@example.com", "federated")
    barred = {
        "banned": {"is_banned": True},
        "deactivated": {"is_active": False},
        "locked": {"locked_until": timezone.now() + timedelta(days=1)},
    }
    for name, values in barred.items():
        make_staff("support", name, **values)
        post_sign_in(Client(), name)
    for name in ("stranger", "federated", "unknown", *["alice"] * 6):
        post_sign_in(Client(), name, PASSWORD if name == "stranger" else "wrong")
    assert reasons(lines) == [
        *barred, "no_access", "no_password", "unknown_name", *["wrong_password"] * 5,
        "paused_name_network",
    ]  # fmt: skip
    for _ in range(2):
        post_sign_in(Client(), "alice@example.com", "wrong")
    assert reasons(lines)[-2:] == ["paused_account_network"] * 2
    for number in range(20):
        post_sign_in(Client(), f"name{number}", "wrong")
    assert reasons(lines)[-1] == "paused_network"


def test_the_way_in_and_out(lines: Any, settings: Any) -> None:
    alice = make_staff()
    client = Client()
    post_sign_in(client, "alice")
    client.post("/admin/logout/")
    settings.SECOND_FACTOR_REQUIRED = True
    post_sign_in(client, "alice")
    client.get("/admin/second-factor/")
    for _ in range(4):
        client.post("/admin/second-factor/", {"code": "000000"})
    User.objects.update(is_banned=True)
    client.get("/admin/")
    told = [(line["event"], line.get("reason"), line["account"]) for line in lines()]
    assert told == [
        ("sign_in", None, str(alice.pk)),
        ("sign_out", None, str(alice.pk)),
        *[("second_factor.refused", "wrong_code", str(alice.pk))] * 3,
        ("second_factor.refused", "paused_browser_code", str(alice.pk)),
        ("session.ended", "account", str(alice.pk)),
    ]


def test_a_refusal_inside_the_site_names_the_account(lines: Any) -> None:
    alice = make_staff()
    client = Client()
    post_sign_in(client, "alice")
    assert client.get("/admin/veza_core/refreshtoken/export/").status_code == 200
    assert client.get("/admin/veza_core/role/export/").status_code == 403
    line = lines()[-1]
    assert (line["status"], line["account"], line["address"]) == (403, str(alice.pk), "127.0.0.1")


def test_the_page_has_all_events_and_reasons() -> None:
    """docs/operations.md lists them all."""
    page = (ROOT / "docs" / "operations.md").read_text()
    for word in ("sign_in.refused", "second_factor.refused", "session.ended", "sign_in", "sign_out",
                 "second_factor.enrol", "unknown_name", "wrong_password", "no_password",
                 "no_access", "banned", "deactivated", "locked", "paused_name", "paused_network",
                 "paused_name_network", "paused_account", "paused_account_network",
                 "paused_browser", "paused_code", "paused_browser_code", "busy", "wrong_code",
                 "account", "idle", "age", "ended", "by_owner"):  # fmt: skip
        assert f"`{word}`" in page, word


def test_the_example_of_the_page_is_such_a_line(lines: Any) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    (example,) = [json.loads(line) for line in page.splitlines() if line.startswith('    {"time":')]
    make_staff()
    post_sign_in(Client(headers={"user-agent": "Firefox"}), "alice", REMOTE_ADDR="192.0.2.7")
    post_sign_in(
        Client(headers={"user-agent": "Firefox"}), "alice", "wrong", REMOTE_ADDR="192.0.2.7"
    )
    line = lines()[-1]
    assert [*line] == [*example]
    varied = {"time", "message", "account"}
    assert {key: line[key] for key in line.keys() - varied} == {
        key: example[key] for key in example.keys() - varied
    }
