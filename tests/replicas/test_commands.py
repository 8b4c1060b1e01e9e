"""Commands with a replica: those that wait for it, and those that run on it."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connections

from tests.deploy.later import BY_TITLE, a_migration, apply
from tests.replicas.pair import PASSWORD, ROLE, Pair, connected, settings_for
from veza_core.operations import replicas
from veza_core.operations.deploy.executor import MigrationReport
from veza_core.operations.replicas import NOT_ALLOWED, wait_for_replicas

FILL = """
INSERT INTO public.users (email, username, deleted_at)
SELECT 'gone' || n || '@example.com', 'gone' || n, now() - interval '40 days'
FROM generate_series(1, 30) AS n
"""


@pytest.fixture
def primary(pair: Pair, settings: Any, django_db_blocker: Any) -> Iterator[Pair]:
    settings.JOB_MAX_REPLICA_LAG = 0.2
    with django_db_blocker.unblock(), connected(pair.host):
        yield pair
        pair.empty()


def write_until_seen(pair: Pair) -> None:
    """Write until the primary knows that the replica is behind."""
    deadline = time.monotonic() + 60
    with pair.primary() as session:
        while not session.execute(
            "SELECT FROM pg_stat_replication WHERE replay_lag > '0.3 s'"
        ).rowcount:
            assert time.monotonic() < deadline
            session.execute("SELECT pg_logical_emit_message(true, 'test', 'x')")
            time.sleep(0.02)


def test_nobody_is_behind(primary: Pair) -> None:
    primary.caught_up()
    assert wait_for_replicas(connections["default"], pytest.fail) < 60


def test_a_job_waits_until_the_replica_has_caught_up(primary: Pair, settings: Any) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        primary.standby.resume()

    with primary.standby.paused():
        write_until_seen(primary)
        assert wait_for_replicas(connections["default"], say) > 0
    assert len(said) == 1
    assert "waiting for replica" in said[0]
    assert "JOB_MAX_REPLICA_LAG is 0.2" in said[0]


def test_jobs_need_not_wait(primary: Pair, settings: Any) -> None:
    with primary.standby.paused():
        write_until_seen(primary)
        with primary.primary() as session:
            query = "SELECT application_name FROM pg_stat_replication"
            [name] = session.execute(query).fetchone() or [""]
        settings.JOB_IGNORED_REPLICAS = [name]
        wait_for_replicas(connections["default"], pytest.fail)
        settings.JOB_IGNORED_REPLICAS = []
        settings.JOB_MAX_REPLICA_LAG = None
        wait_for_replicas(connections["default"], pytest.fail)


def test_a_role_without_access_gets_one_message(primary: Pair) -> None:
    role = settings_for(primary.host, USER=ROLE, PASSWORD=PASSWORD)
    connection: Any = type(connections["default"])(role, "default")
    said: list[str] = []
    for _ in range(2):
        wait_for_replicas(connection, said.append)
    connection.close()
    assert said == [NOT_ALLOWED]


@pytest.mark.parametrize("command", ["purge", "count_weekly_plays"])
def test_jobs_wait_between_batches(
    primary: Pair, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Replay is paused when the job begins, and resumes when the job waits for the first time."""
    with primary.primary() as session:
        session.execute(FILL.encode())
        session.execute(
            "WITH made AS (INSERT INTO public.tracks (user_id, title, file_path) "
            "SELECT id, 'x', 'f' FROM public.users LIMIT 1 RETURNING id, user_id) "
            "INSERT INTO public.track_plays (track_id, user_id) SELECT id, user_id FROM made"
        )
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NULL")
            # While a job waits, it has no transaction that could block other sessions.
            assert cursor.fetchone() == (True,)
        waits.append(seconds)
        primary.standby.resume()
        time.sleep(0.02)

    clock = type("clock", (), {"sleep": sleep, "monotonic": time.monotonic})
    monkeypatch.setattr(replicas, "time", clock)
    with primary.standby.paused():
        write_until_seen(primary)
        call_command(command, stdout=io.StringIO(), stderr=io.StringIO())
    assert waits


def test_a_concurrent_index_waits_for_a_replica_that_applies_late(primary: Pair) -> None:
    """A line says which replica it waits for. The index is built when the replica has caught up."""
    is_there = f"SELECT to_regclass('{BY_TITLE.name}') IS NOT NULL"

    class Report(MigrationReport):
        told: ClassVar[list[tuple[str, str, bool]]] = []

        def resting(self, what: str, reason: str) -> None:
            with connections["default"].cursor() as cursor:
                cursor.execute(is_there)
                self.told.append((what, reason, cursor.fetchone()[0]))
            primary.standby.apply_late("0")

    migration = a_migration(AddIndexConcurrently("track", BY_TITLE), atomic=False)
    primary.caught_up()
    primary.standby.apply_late("1h")
    try:
        write_until_seen(primary)
        apply(migration, report=Report())
        with primary.primary() as session:
            assert session.execute(is_there).fetchone() == (True,)
    finally:
        primary.standby.apply_late("0")
        with primary.primary() as session:
            session.execute(f"DROP INDEX IF EXISTS {BY_TITLE.name}")
            session.execute("DELETE FROM django.django_migrations WHERE name = '950_later'")
    [(what, reason, built)] = Report.told
    assert what == str(migration)
    assert reason.startswith("waiting for replica")
    assert not built


@pytest.fixture
def on_replica(pair: Pair, django_db_blocker: Any) -> Iterator[Pair]:
    with django_db_blocker.unblock():
        pair.caught_up()
        with connected(pair.standby.host):
            yield pair


def run(command: str, *arguments: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_backup_from_the_replica(on_replica: Pair, tmp_path: Path) -> None:
    file = tmp_path / "from_replica.dump"
    out, err = run("backup_db", file)
    assert file.stat().st_size > 1000
    assert "in recovery" in out
    assert err.count("\n") <= 1
    assert "manage.py status will not show this backup_db" in err


def test_replay_in_the_way_of_a_backup(on_replica: Pair, tmp_path: Path) -> None:
    ends = threading.Event()

    def lock() -> None:
        with on_replica.primary() as session:
            while not ends.is_set():
                with session.transaction():
                    session.execute("LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE")
                    session.execute("SELECT pg_current_xact_id()")

    locking = threading.Thread(target=lock)
    locking.start()
    try:
        with pytest.raises(CommandError) as raised:
            run("backup_db", tmp_path / "file.dump")
    finally:
        ends.set()
        locking.join()
    told = str(raised.value)
    assert "conflict with recovery" in told
    assert "max_standby_streaming_delay" in told
    assert "\n" not in told
    assert list(tmp_path.iterdir()) == []


def test_the_audit_of_the_replica(on_replica: Pair) -> None:
    out, _ = run("audit_schema", "--fail-on", "none")
    assert " errors and " in out


@pytest.mark.parametrize(
    "command",
    ["status --ignore backup --ignore purge --ignore weekly_plays", "migrate --check", "migrate",
     "purge --dry-run", "count_weekly_plays --dry-run", "migrate --plan"],
)  # fmt: skip
def test_what_only_reads_runs_on_the_replica(on_replica: Pair, command: str) -> None:
    run(*command.split())


@pytest.mark.parametrize("command", ["purge", "count_weekly_plays", "export_schema"])
def test_what_writes_names_the_replica(on_replica: Pair, command: str) -> None:
    with pytest.raises(CommandError, match="read-only replica") as raised:
        run(*command.split())
    assert "\n" not in str(raised.value)
