"""Two processes of gunicorn that read from a replica: each shows what the other has written."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from tests.acting import ROW, url
from tests.attack.served import HOST, Served, checkout, served
from tests.replicas.conftest import REPLICA
from tests.replicas.pair import DATABASE, PASSWORD, ROLE, Pair, connected, until
from tests.replicas.test_pages import BEHIND, page_of
from tests.staff import make_user, signed_in
from tests.support import manage_process, production_environment
from veza_core.models import User, UserRole

pytestmark = pytest.mark.process

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
COOKIE = re.compile(r"Set-Cookie: (__Host-csrf=[^;]+)", re.I)
LIFT = "Lift the ban"
#: Seconds, more than a test takes: a page still comes from a replica whose replay is paused, and
#: says how old it is.
PATIENT = "600"


@pytest.fixture
def processes(pair: Pair, django_db_blocker: Any, tmp_path: Path) -> Iterator[list[Served]]:
    """Two processes that do not communicate."""
    role = f"{ROLE}:{PASSWORD.replace(' ', '%20')}"
    urls = {
        "DATABASE_URL": f"postgresql://postgres@/{DATABASE}?host={pair.host}",
        "DATABASE_SUPPORT_URL": f"postgresql://{role}@/{DATABASE}?host={pair.host}",
        "DATABASE_REPLICA_URL": f"postgresql://{role}@/{DATABASE}?host={pair.standby.host}",
    }
    changes = {"SECOND_FACTOR_REQUIRED": "0", "REPLICA_MAX_LAG": PATIENT, **urls}
    first, second = checkout(tmp_path / "a"), tmp_path / "b"
    with django_db_blocker.unblock(), connected(pair.host), ExitStack() as stack:
        static = {**production_environment(DATABASE), "STATIC_ROOT": str(first / "static")}
        collect = manage_process("collectstatic", "--noinput", "--verbosity=0", **static)
        assert collect.returncode == 0, collect.stderr
        shutil.copytree(first, second)
        try:
            yield [
                stack.enter_context(served(DATABASE, home, **changes)) for home in (first, second)
            ]
        finally:
            pair.empty()


def get(process: Served, path: str, client: Client) -> str:
    """A page, which must succeed, in the session of the client."""
    status, answer = process.ask(f"GET {path}", f"Cookie: {cookie(client)}")
    assert status == 200, answer[:2000]
    return answer


def cookie(client: Client) -> str:
    return f"__Host-session={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def ban(process: Served, client: Client, user: User) -> None:
    """Ban an account through this process."""
    page = get(process, url(user, "ban"), client)
    [token], [sent], seen = TOKEN.findall(page)[:1], COOKIE.findall(page), ROW.findall(page)
    fields = {"csrfmiddlewaretoken": token, "row": seen, "reason": "x", "confirm": user.username}
    body = urlencode(fields, doseq=True).encode()
    status, answer = process.ask(
        f"POST {url(user, 'ban')}",
        f"Cookie: {cookie(client)}; {sent}",
        f"Origin: https://{HOST}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        body=body,
    )
    assert status == 302, answer[:2000]


def health(process: Served) -> str:
    _, answer = process.ask("GET /healthz")
    # The answer comes in chunks.
    [found] = re.findall(r"^{.*}", answer, re.M)
    return str(json.loads(found)["replicas"][REPLICA])


def test_what_is_written_in_one_is_read_back_in_the_other(
    pair: Pair, processes: list[Served]
) -> None:
    one, other = processes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SECRET_KEY", production_environment(DATABASE)["SECRET_KEY"])
        author = signed_in(make_user("author", role=UserRole.SUPER_ADMIN))
        colleague = signed_in(make_user("colleague", role=UserRole.SUPER_ADMIN))
    bob = make_user("bob")
    pair.caught_up()
    for process in processes:
        assert LIFT not in get(process, page_of(bob), author)
        until(lambda process=process: health(process) == "ok", "a look at the replica")
    with pair.standby.paused():
        ban(one, author, bob)
        # A process does not know what the other did, but the session has the position in the WAL.
        for process in (other, one):
            page = get(process, page_of(bob), author)
            assert LIFT in page
            assert BEHIND not in page
            told = until(
                lambda process=process: (
                    BEHIND in (page := get(process, page_of(bob), colleague)) and page
                ),
                BEHIND,
            )
            assert LIFT not in told
    pair.caught_up()
    pair.standby.stop()
    try:
        for process in (other, one):
            assert LIFT in get(process, page_of(bob), colleague)
            assert health(process) == "unreachable"
    finally:
        pair.standby.start()
    for process in (other, one):
        until(lambda process=process: health(process) == "ok", "the replica")
