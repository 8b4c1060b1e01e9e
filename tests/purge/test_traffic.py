"""While others write: locked rows are skipped, restored rows stay, one run at a time, and kills."""

import signal
import time

import psycopg
import pytest

from tests.purge.conftest import deleted
from tests.support import is_one_clear_line, server_parameters
from veza_core.db.locks import PURGE_LOCK_KEY
from veza_core.operations.purge import batches


@pytest.fixture
def other(platform):
    """Somebody else's transaction."""
    with psycopg.connect(**server_parameters(), dbname=platform.name) as session:
        yield session


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_locked_rows_are_passed_over(platform, other):
    tokens = [platform.insert("refresh_tokens") for _ in range(20)]
    for token in tokens:
        platform.age("refresh_tokens", token, "expires_at", 99)
    other.execute("SELECT FROM refresh_tokens WHERE id = ANY(%s) FOR UPDATE", [tokens[3:5]])
    result = platform.purge("--batch-size", "3")
    assert result.returncode == 0
    assert "refresh_tokens: 18\n" in result.stdout
    assert result.stderr == (
        "refresh_tokens.expires_at: 2 rows are left for the next purge: locked by other sessions\n"
    )
    other.rollback()
    assert deleted(platform.purged()) == {"refresh_tokens": 2}


@pytest.mark.parametrize("batch_size", [10, 1000])
def test_a_child_that_is_locked_keeps_its_parent_only(platform, other, batch_size):
    accounts = [platform.account(f"user{number}", tracks=2, plays=10) for number in range(3)]
    other.execute(
        "UPDATE track_plays SET source = 'x' WHERE id IN (SELECT track_plays.id FROM track_plays "
        "JOIN tracks ON tracks.id = track_id WHERE tracks.user_id = %s LIMIT 1)",
        [accounts[1]],
    )
    started = time.monotonic()
    outcome = platform.purged("--batch-size", str(batch_size), "--lock-timeout", "0.1")
    assert time.monotonic() - started < 30
    assert [platform.has("users", account) for account in accounts] == [False, True, False]
    assert outcome["left"]["users.deleted_at"]["rows"] == 1
    other.rollback()
    assert platform.purged()["left"] == {}
    assert not platform.has("users", accounts[1])


def test_a_locked_table_ends_the_run_in_one_line(platform, other):
    platform.age("refresh_tokens", platform.insert("refresh_tokens"), "expires_at", 99)
    other.execute("LOCK TABLE refresh_tokens")
    result = platform.purge("--lock-timeout", "0.1")
    assert is_one_clear_line(result), result.stderr
    assert result.returncode == 1
    assert "refresh_tokens: canceling statement due to lock timeout" in result.stderr


def test_a_row_that_is_restored_in_between_stays(platform, monkeypatch):
    large = platform.account("large", tracks=40, plays=5)
    tracks = "SELECT count(*) FROM tracks WHERE user_id = %s"
    restored = []

    def between_batches(_connection):
        left = platform.execute(tracks, [large]).fetchone()[0]
        if left < 30 and not restored:
            platform.execute("UPDATE users SET deleted_at = NULL WHERE id = %s", [large])
            restored.append(left)

    monkeypatch.setattr(batches, "wait_for_replicas", between_batches)
    assert platform.purged("--batch-size", "10")["left"] == {}
    assert platform.has("users", large)
    assert [platform.execute(tracks, [large]).fetchone()[0]] == restored > [0]


def test_a_row_that_is_being_restored_stays(platform, other):
    """The purge finds that it is due, does not wait for it, and does not check it again."""
    user = platform.account("small", tracks=1, plays=1)
    other.execute("UPDATE users SET deleted_at = NULL WHERE id = %s", [user])
    assert platform.purged()["left"]["users.deleted_at"]["rows"] == 1
    other.commit()
    assert platform.purged()["deleted"] == 0
    assert platform.has("users", user)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_and_run_again(platform, number):
    platform.account("large", tracks=40, plays=10)
    before = platform.counts()
    forecast = platform.purged("--dry-run")
    count = "SELECT count(*) FROM track_plays"
    # More than 20 batches are left when the first is seen.
    with platform.purging("--batch-size", "15", "--pause", "0.3") as run:
        wait_until(lambda: platform.execute(count).fetchone()[0] < before["track_plays"])
        run.send_signal(number)
        _, err = run.communicate(timeout=60)
    assert run.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    if number != signal.SIGKILL:
        assert err.startswith("Ended: ")
        assert len(err.splitlines()) == 1
    gone = before["track_plays"] - platform.execute(count).fetchone()[0]
    rest = platform.purged()
    assert gone + deleted(rest)["track_plays"] == deleted(forecast)["track_plays"]
    assert sum(before.values()) - sum(platform.counts().values()) == forecast["deleted"]
    assert platform.purged()["deleted"] == 0


def test_one_run_at_a_time(platform, other):
    platform.age("refresh_tokens", platform.insert("refresh_tokens"), "expires_at", 99)
    other.execute("SELECT pg_advisory_lock(%s)", [PURGE_LOCK_KEY])
    result = platform.purge()
    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    pid = other.info.backend_pid
    assert f"another purge is running: pid {pid}" in result.stderr
    # Counting needs no lock.
    assert platform.purged("--dry-run")["deleted"] == 1
    other.execute("SELECT pg_advisory_unlock(%s)", [PURGE_LOCK_KEY])
    assert platform.purged()["deleted"] == 1


def test_a_role_that_may_not_delete(platform):
    platform.age("refresh_tokens", platform.insert("refresh_tokens"), "expires_at", 99)
    platform.execute("ALTER TABLE refresh_tokens RENAME TO hidden")
    platform.execute("CREATE TABLE refresh_tokens (LIKE hidden INCLUDING ALL)")
    platform.execute("INSERT INTO refresh_tokens SELECT * FROM hidden")
    platform.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE insufficient_privilege USING MESSAGE = ''permission denied''; END';
        CREATE TRIGGER refuse BEFORE DELETE ON refresh_tokens
            FOR EACH STATEMENT EXECUTE FUNCTION refuse()
    """)
    result = platform.purge()
    assert result.returncode == 1
    assert is_one_clear_line(result), result.stderr
    assert "refresh_tokens: permission denied" in result.stderr
