"""What all tests share: objects by model-bakery, hashes that take no time, and one mark."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from model_bakery import baker
from model_bakery.random_gen import gen_datetime
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from tests import memory, run
from tests.support import administer, scratch_database
from veza_core.passwords import BCryptPasswordHasher

#: Folders whose tests share what is dear to make: one worker runs all of them.
TOGETHER = ("browser", "queries", "replicas", "seed")
#: Folders whose tests start processes and make databases, the longest first.
LONGEST_FIRST = {
    name: number
    for number, name in enumerate(
        (
            *("growth", "queries", "browser", "replicas", "embedded", "connection", "seed"),
            "configuration",
            *("deploy", "backup", "purge", "export"),
        )
    )
}

# A number of baker's choice would not pass checks such as `position >= 0`.
for field in ("SmallIntegerField", "IntegerField", "BigIntegerField"):
    baker.generators.add(f"django.db.models.{field}", lambda: 1)
baker.generators.add("veza_core.db.fields.DeletedAtField", gen_datetime)
baker.generators.add("veza_core.db.fields.AddressField", lambda: f"{uuid.uuid4().hex}@example.com")


def pytest_configure(config: pytest.Config) -> None:
    run.begin()
    memory.begin()
    if memory.VARIABLE in os.environ and not hasattr(config, "workerinput"):
        # Of a short name, since the path of a socket has 107 bytes at most.
        config.option.basetemp = config.option.basetemp or f"{os.environ[memory.VARIABLE]}/t"
    if memory.is_used() and "EMBEDDED" in connection.settings_dict:
        # Without workers this process is the one that connects, and its settings were read before.
        settings.EMBEDDED_DIRECTORY = os.environ["EMBEDDED_DIRECTORY"]
        connection.settings_dict["EMBEDDED"]["data_directory"] = settings.EMBEDDED_DIRECTORY
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            # As under nohup. The commands that tests start would inherit it, and not end.
            signal.signal(number, lambda *_: None)
    config.addinivalue_line(
        "markers", "process: starts a process of its own; `make test-quick` leaves it out"
    )
    config.addinivalue_line(
        "markers",
        "proves(*sentences): the sentences of docs/schema.md that this test proves; "
        "tests/schema/test_document.py sees to it that none is left without a test",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest, so that no worker ends alone with one of them."""
    items.sort(key=lambda item: LONGEST_FIRST.get(item.path.parent.name, len(LONGEST_FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return FileScheduling(config, log)


class FileScheduling(LoadScopeScheduling):
    """The tests of a file, or of a folder in `TOGETHER`, stay on one worker.

    pytest-xdist's `--dist loadgroup` would do it with marks, but groups nothing under pytest 9.2,
    whose items have no `_nodeid`.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.split("::")[0])
        return file.parent.name if file.parent.name in TOGETHER else str(file)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """bcrypt's least cost, 1 ms in place of 200."""
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 4)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a second or less, which run out on a busy machine: a test of one sets its own."""
    monkeypatch.setattr("veza_core.screens.search.engine.PARTS_TIMEOUT", 60_000)
    for limit, seconds in (("LONGEST", 120.0), ("LONGEST_STATEMENT", 60.0), ("LONGEST_WAIT", 30.0)):
        monkeypatch.setattr(f"veza_site.status.report.{limit}", seconds)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, worker_id: str
) -> Iterator[str]:
    """In place of pytest-django's: a copy of one migrated template is this worker's database."""
    database = run.worker_database(worker_id)
    with django_db_blocker.unblock():
        template = database.__enter__()
    yield template
    with django_db_blocker.unblock():
        database.__exit__(None, None, None)


@pytest.fixture(scope="session")
def migrated(django_db_setup: str, django_db_blocker: Any) -> Iterator[str]:
    """The name of a database with V1 and no rows but the migrations': to copy, not to change.

    It is read only, which its copies are not. Each worker has its own, since PostgreSQL copies no
    database that somebody is connected to.
    """
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {django_db_setup}") as name:
        administer(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                sql.Identifier(name)
            )
        )
        yield name


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say once more, at the end, what was not tested for want of something outside."""
    reasons = {
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(reason for reason in reasons if reason.startswith("needs ")):
        terminalreporter.write_line(f"NOT TESTED: {reason}", yellow=True, bold=True)
