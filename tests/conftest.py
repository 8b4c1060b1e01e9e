"""Shared by all tests: objects by model-bakery, fast hashes, and the order of tests."""

import gc
import os
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from model_bakery import baker
from model_bakery.random_gen import gen_datetime, gen_related
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from tests import memory, run
from tests.support import administer, scratch_database
from veza_core.passwords import BCryptPasswordHasher

#: Directories whose tests share slow fixtures: one worker runs all tests of a directory.
TOGETHER = ("browser", "queries", "replicas", "seed")
#: Directories whose tests start processes and create databases, the slowest first.
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

# A random number of baker would not pass checks such as `position >= 0`.
for field in ("SmallIntegerField", "IntegerField", "BigIntegerField"):
    baker.generators.add(f"django.db.models.{field}", lambda: 1)
baker.generators.add("veza_core.db.fields.DeletedAtField", gen_datetime)
# Django leaves the value out.
baker.generators.add("django.db.models.GeneratedField", lambda: None)
for key in ("CascadeKey", "SetNullKey"):
    baker.generators.add(f"veza_core.db.fields.{key}", gen_related)
baker.generators.add("veza_core.db.fields.AddressField", lambda: f"{uuid.uuid4().hex}@example.com")


def pytest_configure(config: pytest.Config) -> None:
    run.begin()
    memory.begin()
    if memory.VARIABLE in os.environ and not hasattr(config, "workerinput"):
        # With a short name, because the path of a socket has at most 107 bytes.
        config.option.basetemp = config.option.basetemp or f"{os.environ[memory.VARIABLE]}/t"
    if memory.is_used() and "EMBEDDED" in connection.settings_dict:
        # Without workers this process is the one that connects, and its settings were read before.
        settings.EMBEDDED_DIRECTORY = os.environ["EMBEDDED_DIRECTORY"]
        connection.settings_dict["EMBEDDED"]["data_directory"] = settings.EMBEDDED_DIRECTORY
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            # As under nohup. Started commands would inherit this, and would not end.
            signal.signal(number, lambda *_: None)
    config.addinivalue_line(
        "markers", "process: starts a process of its own; `make test-quick` leaves it out"
    )
    config.addinivalue_line(
        "markers",
        "proves(*sentences): the sentences of docs/schema.md that this test proves; "
        "tests/schema/test_document.py makes sure that each has a test",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest directories, so that no worker is still busy with one at the end."""
    items.sort(key=lambda item: LONGEST_FIRST.get(item.path.parent.name, len(LONGEST_FIRST)))


def pytest_collection_finish() -> None:
    """Let the garbage collector search less often, and not what was imported and collected.

    Otherwise it takes 4 % of the CPU time of the admin's tests.
    """
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One worker more than processors, because a worker often waits for a lock or a server."""
    workers = yield
    return workers if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else workers + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return FileScheduling(config, log)


class FileScheduling(LoadScopeScheduling):
    """The tests of a file, or of a directory in `TOGETHER`, stay on one worker.

    pytest-xdist's `--dist loadgroup` would do it with marks, but groups nothing under pytest 9.2,
    whose items have no `_nodeid`.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.split("::")[0])
        return file.parent.name if file.parent.name in TOGETHER else str(file)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """bcrypt's lowest cost, 1 ms instead of 200."""
    monkeypatch.setattr(BCryptPasswordHasher, "rounds", 4)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer limits, because a busy machine exceeds a second. A test of a limit sets its own."""
    monkeypatch.setattr("veza_core.screens.search.engine.PARTS_TIMEOUT", 60_000)
    for limit, seconds in (("LONGEST", 120.0), ("LONGEST_STATEMENT", 60.0), ("LONGEST_WAIT", 30.0)):
        monkeypatch.setattr(f"veza_site.status.report.{limit}", seconds)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, worker_id: str
) -> Iterator[str]:
    """Replaces pytest-django's fixture: this worker's database is a copy of a migrated template."""
    database = run.worker_database(worker_id)
    with django_db_blocker.unblock():
        template = database.__enter__()
    yield template
    with django_db_blocker.unblock():
        database.__exit__(None, None, None)


@pytest.fixture(scope="session")
def migrated(django_db_setup: str, django_db_blocker: Any) -> Iterator[str]:
    """The name of a database with V1 and only the migrations' rows, to be copied, not changed.

    It is read-only, but its copies are not. Each worker has its own, because PostgreSQL does not
    copy a database with open connections.
    """
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {django_db_setup}") as name:
        administer(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                sql.Identifier(name)
            )
        )
        yield name


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report at the end which tests were skipped because a program is missing."""
    reasons = {
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(reason for reason in reasons if reason.startswith("needs ")):
        terminalreporter.write_line(f"NOT TESTED: {reason}", yellow=True, bold=True)
