"""`seed_demo`: what it refuses, what a second run does, and what it does not change."""

import os
import pty
import re
import signal
import subprocess
import sys
from uuid import UUID

import bcrypt
import numpy as np
import psycopg
import pytest

from tests.seed.conftest import NOW, query, seed
from tests.support import (
    ROOT,
    database_environment,
    is_one_clear_line,
    manage,
    running_manage,
    scratch_database,
    server_parameters,
)
from veza_core.db.locks import MIGRATION_LOCK_KEY
from veza_demo.load import CHUNK
from veza_demo.tables import WRITERS, Rows

pytestmark = pytest.mark.django_db

#: The smallest possible counts.
TINY = [
    *("--users", "100", "--tracks", "50", "--playlists", "10"),
    *("--plays", "50", "--likes", "20", "--comments", "8"),
]


def fingerprint(name):
    """Every row of every table that seed_demo fills."""
    return of_all_tables(name, "count(*), md5(string_agg(row::text, '' ORDER BY id))")


def rows(name):
    return sum(count for _, count in of_all_tables(name, "count(*)"))


def of_all_tables(name, columns):
    """The name of each table that seed_demo fills, with these columns."""
    selects = [f"SELECT '{table}', {columns} FROM {table} AS row" for table in WRITERS]
    return sorted(query(name, " UNION ALL ".join(selects)))


def test_the_same_options_give_the_same_rows(seeded, name):
    assert seed(name).returncode == 0
    assert fingerprint(name) == fingerprint(seeded)


@pytest.mark.parametrize("known", ["support", "moderator", "admin", "super_admin"])
def test_staff_can_sign_in(seeded, known):
    from veza_demo.tables.accounts import PASSWORD

    role, encoded = query(
        seeded,
        "SELECT role::text, password_hash FROM users WHERE email = %s AND is_active "
        "AND is_verified AND NOT is_banned AND deleted_at IS NULL AND locked_until IS NULL",
        f"{known}@example.com",
    )[0]
    assert role == known
    assert bcrypt.checkpw(PASSWORD.encode(), encoded.encode())


def test_says_who_can_sign_in(name):
    result = seed(name, *TINY)
    assert "support@example.com" in result.stdout
    assert "password" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stderr == ""


def test_is_silent_at_verbosity_0(name):
    result = seed(name, *TINY, "--verbosity", "0")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_leaves_other_schemas_and_the_catalog_alone(name):
    query(name, "CREATE SCHEMA chat; CREATE TABLE chat.messages AS SELECT 1 AS id")
    counted = (
        "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables "
        "WHERE schemaname IN ('chat', 'django') ORDER BY schemaname, relname"
    )
    before = query(name, counted)
    assert seed(name, *TINY).returncode == 0
    assert query(name, counted) == before
    audit = manage("audit_schema", **database_environment(name))
    assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.mark.parametrize("arguments", [[], ["--append"], ["--verbosity", "3", "--scale", "small"]])
def test_refuses_when_debug_is_off(name, arguments):
    result = seed(name, *arguments, DEBUG="0", SECRET_KEY="x" * 60)
    assert is_one_clear_line(result), result.stderr
    assert "DEBUG is off" in result.stderr
    assert rows(name) == 0


def test_refuses_where_rows_are(name):
    query(name, "INSERT INTO users (email, username) VALUES ('a@x.co', 'anna')")
    result = seed(name)
    assert is_one_clear_line(result), result.stderr
    assert "users" in result.stderr
    assert "--append" in result.stderr
    assert rows(name) == 1
    assert seed(name, *TINY, "--append").returncode == 0
    assert query(name, "SELECT count(*) FROM users WHERE username = 'anna'") == [(1,)]


def test_refuses_other_options_than_those_of_the_rows(name):
    assert seed(name, *TINY).returncode == 0
    before = rows(name)
    for arguments in ([*TINY, "--seed", "2"], ["--scale", "small"]):
        result = seed(name, *arguments)
        assert is_one_clear_line(result), result.stderr
        assert "not of this set" in result.stderr
    assert rows(name) == before


def test_an_existing_set_is_not_loaded_again(name):
    assert seed(name, *TINY).returncode == 0
    before = fingerprint(name)
    result = seed(name, *TINY)
    assert is_one_clear_line(result), result.stderr
    assert "there already" in result.stderr
    assert fingerprint(name) == before


def test_append_adds_another_set_each_time(name):
    assert seed(name, *TINY).returncode == 0
    one = rows(name)
    for number in (2, 3):
        result = seed(name, *TINY, "--append")
        assert result.returncode == 0, result.stderr
        assert rows(name) == number * one
    address = re.search(r"admin\.x\w+@example\.com", result.stdout)[0]
    assert query(name, "SELECT role::text FROM users WHERE email = %s", address) == [("admin",)]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--users", "5"], 1, "--users 5: at least 100"),
        (["--plays", "-1"], 1, "--plays -1: at least 0"),
        (["--tracks", "9" * 15], 1, "at most"),
        (["--likes", "90000000"], 1, "--likes: too many"),
        (["--users", "many"], 2, "invalid int value"),
        (["--scale", "huge"], 2, "invalid choice"),
        (["--now", "yesterday"], 2, "is not a date"),
        (["--now", "0001-01-01"], 2, "is not between"),
    ],
)
def test_refuses_what_cannot_be(name, arguments, code, said):
    result = seed(name, *arguments)
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert rows(name) == 0


def test_needs_the_tables():
    with scratch_database() as empty:
        result = seed(empty)
    assert is_one_clear_line(result), result.stderr
    assert "run manage.py migrate" in result.stderr


def test_needs_the_system_roles(name):
    query(name, "DELETE FROM roles WHERE name = 'support'")
    result = seed(name)
    assert is_one_clear_line(result), result.stderr
    assert "system roles" in result.stderr


def test_not_beside_a_migrate(name):
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_KEY])
        result = seed(name, *TINY, MIGRATE_LOCK_TIMEOUT="0.2")
    assert result.returncode == 1
    assert "is running" in result.stderr
    assert "Traceback" not in result.stderr
    assert rows(name) == 0


def test_what_postgresql_refuses_is_one_clear_line(name):
    query(
        name,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''no rooms''; END'; "
        "CREATE TRIGGER refuse BEFORE INSERT ON rooms FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    result = seed(name, *TINY)
    assert is_one_clear_line(result), result.stderr
    assert "no rooms" in result.stderr
    assert "run the same command again to continue" in result.stderr
    query(name, "DROP FUNCTION refuse CASCADE")
    # Meanwhile somebody took a value of the rows that are still missing.
    token = "INSERT INTO users (email, username) VALUES ('a@x.co', 'anna') RETURNING id"
    anna = query(name, token)[0][0]
    query(name, "DELETE FROM track_shares")
    world = world_of(name, TINY)
    hash_of_first = token_hash_of_first_share(world)
    query(
        name,
        "INSERT INTO track_shares (track_id, user_id, token_hash) "
        "SELECT id, %s, %s FROM tracks LIMIT 1",
        anna,
        hash_of_first,
    )
    result = seed(name, *TINY)
    assert is_one_clear_line(result), result.stderr
    assert "conflicts with an existing one" in result.stderr
    assert "token_hash" in result.stderr
    query(name, "DELETE FROM track_shares")
    assert seed(name, *TINY).returncode == 0


def token_hash_of_first_share(world):
    numbers = np.arange(1)
    (piece,) = Rows(world, "track_shares", numbers).token_hash().pieces
    return bytes(piece.octets[0]).decode()


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("  users", signal.SIGKILL),
        ("  tracks", signal.SIGKILL),
        ("  track_likes", signal.SIGTERM),
        ("  playlists", signal.SIGINT),
    ],
)
def test_stopped_at_any_time_the_next_run_goes_on(seeded, name, line, how):
    with running_manage("seed_demo", "--now", NOW, **database_environment(name)) as run:
        while not run.stdout.readline().startswith(line):
            pass
        run.send_signal(how)
        errors = run.communicate(timeout=60)[1]
    assert run.returncode in (-how, 128 + how, 0), errors
    assert "Traceback" not in errors
    if run.returncode:
        result = seed(name)
        # Or it was stopped after the last row.
        assert result.returncode == 0 or "there already" in result.stderr
        if result.returncode == 0:
            assert re.search(r"Found [\d,]+ of [\d,]+ rows of this set: continuing", result.stdout)
    assert fingerprint(name) == fingerprint(seeded)


def test_a_gap_is_filled(name):
    """Workers end their chunks in any order, so a kill may leave one out."""
    options = [*TINY, "--plays", str(2 * CHUNK + 5)]
    assert seed(name, *options).returncode == 0
    before = fingerprint(name)
    world = world_of(name, options)
    octets = world.draws("track_plays").uuids(np.arange(CHUNK, 2 * CHUNK))
    query(
        name,
        "DELETE FROM track_plays WHERE id = ANY(%s)",
        [UUID(bytes=bytes(line)) for line in octets],
    )
    assert query(name, "SELECT count(*) FROM track_plays") == [(CHUNK + 5,)]
    result = seed(name, *options)
    assert result.returncode == 0, result.stderr
    assert f"{CHUNK:,} rows in" in result.stdout
    assert fingerprint(name) == before


def world_of(name, options):
    from datetime import UTC, datetime

    from veza_demo.counts import choose_counts
    from veza_demo.world import World

    counts = {key[2:]: int(value) for key, value in zip(options[::2], options[1::2], strict=True)}
    roles = [UUID(int=0)] * 3  # ids do not depend on them
    now = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    return World(1, now, choose_counts("small", **counts), roles)


def test_memory_does_not_grow_with_the_rows(name):
    """Eight times the plays, in chunks that are all full."""
    peaks = []
    for plays in (2 * CHUNK, 8 * CHUNK):
        arguments = [*TINY, "--plays", str(plays), "--append", "--verbosity", "0"]
        process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "seed_demo", *arguments],
            env={**os.environ, "DEBUG": "1", **database_environment(name)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss / 1024)
    assert peaks[1] - peaks[0] < 15, peaks


def test_progress_on_a_terminal(name):
    terminal, side = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as reader, os.fdopen(side, "wb") as writer:
        process = subprocess.run(
            [sys.executable, ROOT / "manage.py", "seed_demo", *TINY],
            env={**os.environ, "DEBUG": "1", **database_environment(name)},
            stdout=subprocess.PIPE,
            stderr=writer,
            check=True,
            timeout=120,
        )
        shown = reader.read(1_000_000).decode()
    # One line, which is overwritten.
    assert re.search(r"\r\x1b\[Kusers: [\d,]+ of [\d,]+ rows, [\d,]+ a second", shown)
    assert "\n" not in shown
    assert b"  users: " in process.stdout


def test_reset_db_fills_in_demo_data(name):
    query(name, "INSERT INTO users (email, username) VALUES ('a@x.co', 'anna')")
    result = manage("reset_db", "--noinput", "--seed", **database_environment(name))
    assert result.returncode == 0, result.stderr
    assert "Sign in as support@example.com" in result.stdout
    assert query(name, "SELECT count(*) FROM users") == [(500,)]
    assert query(name, "SELECT count(*) FROM users WHERE username = 'anna'") == [(0,)]
