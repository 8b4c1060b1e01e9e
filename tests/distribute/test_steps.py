"""Each step keeps rows and rules complete, so a run may end after any step, or within one."""

import signal
import time

import pytest

from tests.distribute.test_layouts import KEYS, SPREAD, fingerprints
from tests.support import running_manage
from veza_core.management.commands import distribute
from veza_core.operations.distribute.service import run_steps

#: A long limit, because tests wait for a condition.
LONGEST = 60
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = %s::regclass"


def until(condition):
    deadline = time.monotonic() + LONGEST
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def steps_left(node, monkeypatch, *arguments):
    """Run the first step of the command; return how many steps there were to do."""
    plans = []

    def run_one(connection, steps, *others):
        plans.append(len(steps))
        run_steps(connection, steps[:1], *others)

    monkeypatch.setattr(distribute, "run_steps", run_one)
    node.manage("distribute", *arguments)
    monkeypatch.undo()
    return plans[0]


@pytest.mark.parametrize("layout", ["L", "A"])
def test_an_end_after_any_step(filled, layout, monkeypatch):
    before = fingerprints(filled), filled.rows(KEYS)
    left = [steps_left(filled, monkeypatch, "--layout", layout, "--shards", "4")]
    while left[-1]:
        assert fingerprints(filled) == before[0]
        left.append(steps_left(filled, monkeypatch, "--layout", layout, "--shards", "4"))
    assert left == list(range(left[0], -1, -1))
    assert len(filled.rows(SPREAD)) == 4
    assert "0 errors and 0 warnings" in filled.done("audit_schema")
    back = [steps_left(filled, monkeypatch, "--undo")]
    while back[-1]:
        assert fingerprints(filled) == before[0]
        back.append(steps_left(filled, monkeypatch, "--undo"))
    assert (fingerprints(filled), filled.rows(KEYS)) == before
    assert filled.value("SELECT to_regprocedure('django.apply_on_delete()')") is None
    assert "0 errors and 0 warnings" in filled.done("audit_schema")


@pytest.mark.process
@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize(("layout", "table"), [("L", "track_plays"), ("A", "tracks")])
def test_a_kill_during_a_step(filled, layout, table, undo):
    before = fingerprints(filled), filled.rows(KEYS)
    there = ["--layout", layout, "--shards", "4"]
    if undo:
        filled.done("distribute", *there, "--verbosity", "0")
    arguments = ["--undo"] if undo else there
    with filled.session.transaction():
        filled.session.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        with running_manage(
            "distribute", *arguments, "--lock-timeout", "600", DATABASE_URL=filled.url
        ) as run:
            until(lambda: filled.session.execute(WAITING, [table]).fetchall())
            run.send_signal(signal.SIGKILL)
            run.wait()
    until(lambda: not filled.rows("SELECT FROM pg_locks WHERE locktype = 'advisory'"))
    assert fingerprints(filled) == before[0]
    filled.done("distribute", *arguments, "--verbosity", "0")
    assert len(filled.rows(SPREAD)) == (0 if undo else 4)
    assert fingerprints(filled) == before[0]
    assert "0 errors and 0 warnings" in filled.done("audit_schema")
    filled.done("distribute", "--undo", "--verbosity", "0")
    assert (fingerprints(filled), filled.rows(KEYS)) == before


def test_who_is_in_the_way(filled):
    before = filled.rows(KEYS)
    with filled.session.transaction():
        filled.session.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        result = filled.manage("distribute", "--lock-timeout", "0.2")
    assert result.returncode == 1
    assert "bitrate_adaptation_logs: 3 foreign keys become triggers: other sessions block it" in (
        result.stderr
    )
    assert "0 of 8 steps are done, and a second run does the rest" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    filled.done("distribute", "--undo", "--verbosity", "0")
    assert filled.rows(KEYS) == before


def test_orphans_are_removed_after_undo(filled):
    """Inserts into a distributed table are not checked, so orphans must be removed."""
    before = fingerprints(filled)
    filled.done("distribute", "--shards", "4", "--verbosity", "0")
    filled.session.execute("INSERT INTO track_plays (track_id) VALUES (gen_random_uuid())")
    filled.session.execute(
        "INSERT INTO track_plays (track_id, user_id, source) "
        "SELECT id, gen_random_uuid(), 'orphan' FROM tracks LIMIT 1"
    )
    filled.done("distribute", "--undo", "--verbosity", "0")
    assert filled.value("SELECT user_id FROM track_plays WHERE source = 'orphan'") is None
    filled.session.execute("DELETE FROM track_plays WHERE source = 'orphan'")
    assert fingerprints(filled) == before


@pytest.mark.parametrize(
    "arguments", [["--shards", "0"], ["--shards", "x"], ["--layout", "B"], ["--undo", "--sweep"]]
)
def test_bad_arguments(filled, arguments):
    result = filled.manage("distribute", *arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
