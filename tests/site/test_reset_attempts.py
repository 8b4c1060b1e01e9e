"""The command that lets somebody try again at once."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.staff import make_staff, post_sign_in
from veza_site.models import AttemptCount, StaffLogEntry
from veza_site.support import attempts
from veza_site.support.bounds import hash_of_name, of_code

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("reset_attempts", *arguments, stdout=output, verbosity=0)
    return output.getvalue()


def fail(name: str, address: str, times: int = 6) -> int:
    """Fail this many times; return the answer to the last attempt."""
    answers = [post_sign_in(Client(), name, "wrong", REMOTE_ADDR=address) for _ in range(times)]
    return int(answers[-1].status_code)


def test_a_name() -> None:
    alice = make_staff()
    assert fail("alice", "192.0.2.1") == fail("bob", "192.0.2.2") == 429
    attempts.count(of_code(str(alice.pk), None))
    fail("alice@example.com", "192.0.2.3", 1)
    # For each name, one for the network and one for all; for the account, two for each network.
    assert run("alice") == "8 counts of failed attempts were deleted\n"
    assert not AttemptCount.objects.filter(kind__in=("account", "code")).exclude(
        name=hash_of_name("bob")
    )
    assert fail("alice", "192.0.2.1", 1) == 200
    assert fail("bob", "192.0.2.2", 1) == 429
    assert StaffLogEntry.objects.get().action == "sign_in.reset"
    assert run("nobody") == "0 counts of failed attempts were deleted\n"


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"])
def test_an_address(address: str) -> None:
    assert fail("alice", address) == 429
    run("--address", address)
    assert not AttemptCount.objects.filter(network__gt="").exists()
    assert fail("alice", address, 1) == 200


def test_without_the_key_of_the_web_server(settings: Any) -> None:
    settings.SECRET_KEY = ""
    with pytest.raises(CommandError, match="SECRET_KEY is not set"):
        run("alice")
    assert run("--address", "192.0.2.1").startswith("0 counts")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [((), "name an e-mail"), (("--address", "x"), "invalid address"), (("",), "empty")],
)
def test_mistakes_are_reported(arguments: Any, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run(*arguments)
