"""Rows are filled in batches while others write, and the next run continues an interrupted one."""

import json
import threading
import time

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, NotSupportedError, connection

from tests.deploy.later import a_copy, a_migration, apply, session
from tests.support import scratch_database
from veza_core.operations import backfill_run
from veza_core.operations.backfill import Backfill, CopyRows
from veza_core.operations.deploy.executor import MigrationReport

pytestmark = pytest.mark.django_db

USERS = 500
FILL = Backfill("users", {"slug": "'was-' || username"}, where="slug IS NULL")
LEFT = "SELECT count(*) FROM users WHERE slug IS NULL"
SLEEPS = """
SELECT true FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()
"""
#: How many transactions wrote the rows.
BATCHES = "SELECT count(DISTINCT xmin::text) FROM users"


@pytest.fixture(scope="module")
def filled(migrated, django_db_blocker):
    """V1 with users, a few dozen on each page of the table."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        with session(name) as other:
            insert(0, USERS, other)
        yield name


@pytest.fixture
def database(filled):
    with a_copy(f'"{filled}"') as name:
        yield name


@pytest.fixture(autouse=True)
def small_batches(settings):
    settings.BACKFILL_BATCH_SIZE = 50


def insert(first, last, other):
    other.execute(
        "INSERT INTO users (email, username) "
        f"SELECT n || '@x.co', 'user' || n FROM generate_series({first}, {last - 1}) n"
    )


def one(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


class Report(MigrationReport):
    """Records the reports, and can run a function at each batch."""

    def __init__(self, at_batch=lambda rows: None):
        self.shares, self.reasons, self.at_batch = [], [], at_batch

    def filled(self, table, share, rows):
        self.shares.append(share)
        self.at_batch(rows)

    def resting(self, table, reason):
        self.reasons.append(reason)


def fill(operation=FILL, report=None, **options):
    apply(a_migration(operation, atomic=False), report=report, **options)


def test_every_row_in_many_transactions(database):
    report = Report()
    fill(report=report)
    assert one(LEFT) == 0
    assert one(BATCHES) >= USERS / 50
    assert report.shares[-1] == 1.0
    assert one("SELECT slug FROM users WHERE username = 'user7'") == "was-user7"


def test_what_is_filled_already_stays_as_it_is(database):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET slug = 'mine-' || username WHERE username < 'user3'")
    before = one(
        "SELECT string_agg(xmin::text, ',' ORDER BY id) FROM users WHERE slug LIKE 'mine-%'"
    )
    fill()
    after = one(
        "SELECT string_agg(xmin::text, ',' ORDER BY id) FROM users WHERE slug LIKE 'mine-%'"
    )
    assert before == after
    assert one(LEFT) == 0


def test_a_stopped_run_continues(database):
    def stop(rows):
        if rows >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(report=Report(stop))
    left = one(LEFT)
    assert 0 < left <= USERS - 100
    report = Report()
    fill(report=report)
    assert one(LEFT) == 0


def test_rows_that_appear_meanwhile_are_filled_too(database):
    def one_more(rows):
        if rows >= 100 and one("SELECT count(*) FROM users") == USERS:
            with session(database, autocommit=True) as other:
                insert(USERS, USERS + 20, other)

    fill(report=Report(one_more))
    assert one("SELECT count(*) FROM users") > USERS
    assert one(LEFT) == 0


def test_rows_that_never_end_end_it(database):
    numbers = iter(range(USERS, 10_000))

    def another(rows):
        with session(database, autocommit=True) as other:
            number = next(numbers)
            insert(number, number + 1, other)

    with pytest.raises(CommandError, match="A service still writes rows with this condition"):
        fill(report=Report(another))


def test_a_row_that_moves_to_another_page_is_filled_too(database, monkeypatch):
    """A service locks it while the others are filled, then updates it, and its page is full."""
    monkeypatch.setattr(backfill_run, "MOST_PAGES", 1)
    with session(database, autocommit=True) as other:
        other.execute("CREATE TABLE wide (n int, done int, pad text)")
        other.execute("ALTER TABLE wide ALTER pad SET STORAGE PLAIN")
        other.execute(
            "INSERT INTO wide SELECT n, nullif(1, n / 30), repeat('x', 2500) "
            "FROM generate_series(1, 30) n"
        )
        other.execute("DELETE FROM wide WHERE n <= 3")
        other.execute("VACUUM wide")
    with session(database) as service:
        service.execute("SELECT FROM wide WHERE n = 30 FOR UPDATE")

        def move(rows):
            if report.shares.count(1.0) == 1 and report.shares[-1] < 1:
                service.execute("UPDATE wide SET pad = repeat('y', 2500) WHERE n = 30")
                moved = service.execute("SELECT ctid::text FROM wide WHERE n = 30").fetchone()
                # To a page that was already read, or to a new page.
                page = int(moved[0].strip("()").partition(",")[0])
                assert page == 0 or page >= 10
                service.commit()

        report = Report(move)
        fill(Backfill("wide", {"done": "2"}, where="done IS NULL"), report)
    assert one("SELECT count(*) FROM wide WHERE pad LIKE 'y%'") == 1
    assert one("SELECT count(*) FROM wide WHERE done IS NULL") == 0


def test_a_locked_row_delays_no_other_row(database):
    with session(database) as other:
        other.execute("UPDATE users SET slug = 'theirs' WHERE username = 'user42'")
        done = threading.Timer(2, other.commit)
        done.start()
        fill()
        done.join()
    assert one(LEFT) == 0
    assert one("SELECT slug FROM users WHERE username = 'user42'") == "theirs"


def test_a_row_that_stays_locked_is_reported(database, settings):
    settings.MIGRATE_LOCK_ATTEMPTS = 2
    report = Report()
    with session(database) as other:
        other.execute("SELECT FROM users WHERE username = 'user42' FOR UPDATE")
        with pytest.raises(
            CommandError, match=f"continues from there.*pid {other.info.backend_pid}"
        ):
            fill(report=report, timeout=0.1)
        # All others are filled.
        assert one(LEFT) == 1
    assert "a row or a table is locked: smaller batches" in report.reasons
    fill()
    assert one(LEFT) == 0


def test_waiting_sessions_make_the_batches_smaller(database):
    """The trigger delays a batch until somebody waits for its row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "WHILE NEW.username = 'user1' AND NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted "
            "AND transactionid = pg_current_xact_id()::xid) LOOP PERFORM pg_sleep(0.02); "
            "END LOOP; RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER hold AFTER UPDATE OF slug ON users FOR EACH ROW "
            "WHEN (NEW.slug LIKE 'was%') EXECUTE FUNCTION hold()"
        )

    def update_a_row_of_the_first_batch():
        with session(database, autocommit=True) as other:
            while not other.execute(SLEEPS).fetchone():
                time.sleep(0.01)
            other.execute("UPDATE users SET last_login_at = '2026-01-02' WHERE username = 'user1'")

    writer = threading.Thread(target=update_a_row_of_the_first_batch)
    writer.start()
    report = Report()
    fill(report=report)
    writer.join(60)
    assert "others wait for its rows: smaller batches" in report.reasons
    assert (
        one("SELECT last_login_at::date || slug FROM users WHERE username = 'user1'")
        == "2026-01-02was-user1"
    )


def test_replicas_are_waited_for_before_each_batch(database, monkeypatch):
    """The tests of replicas use real ones."""
    waits = []

    def wait(connection, say):
        waits.append(one(LEFT))
        say("a replica is behind")

    monkeypatch.setattr("veza_core.operations.backfill_run.wait_for_replicas", wait)
    report = Report()
    fill(report=report)
    assert report.reasons == ["a replica is behind"]
    assert len(waits) > USERS / 50
    assert waits[0] == USERS


def test_a_condition_that_stays_true_is_refused(database):
    endless = Backfill(
        "users", {"slug": "'x-' || username"}, where="username LIKE 'user%' AND '{}' <> ''"
    )
    with pytest.raises(CommandError, match="so this would never end: username LIKE"):
        fill(endless)
    assert one(LEFT) == USERS
    copies = CopyRows("user_settings", "users", {"user_id": "users.id"}, where="true")
    with pytest.raises(CommandError, match="so this would never end: true"):
        fill(copies)


def test_rows_are_copied_to_another_table(database):
    copy = CopyRows(
        "user_settings",
        "users",
        {"user_id": "users.id"},
        where="NOT EXISTS (SELECT FROM user_settings WHERE user_settings.user_id = users.id)",
    )
    fill(copy)
    assert one("SELECT count(*) FROM user_settings") == USERS
    fill(copy)
    assert one("SELECT count(*) FROM user_settings") == USERS


def test_partitions_are_filled_one_by_one(database):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE parted (n int, done int) PARTITION BY RANGE (n)")
        for first in (0, 100):
            cursor.execute(
                f"CREATE TABLE parted_{first} PARTITION OF parted "
                f"FOR VALUES FROM ({first}) TO ({first + 100})"
            )
        cursor.execute("INSERT INTO parted SELECT n FROM generate_series(0, 199) n")
    fill(Backfill("parted", {"done": "n"}, where="done IS NULL"))
    assert one("SELECT count(*) FROM parted WHERE done = n") == 200


def test_within_a_transaction_it_is_refused(database):
    with pytest.raises(NotSupportedError, match="atomic = False"):
        apply(a_migration(FILL))


def test_an_error_of_the_expression_is_the_servers(database):
    with pytest.raises(DatabaseError, match="division by zero") as raised:
        fill(Backfill("users", {"slug": "(1 / 0)::text"}, where="slug IS NULL"))
    assert isinstance(raised.value.__cause__, psycopg.errors.DivisionByZero)


def test_it_can_be_written_to_a_file_and_shown():
    _, arguments, keywords = FILL.deconstruct()
    assert json.dumps([arguments, keywords])
    assert Backfill(*arguments, **keywords).describe() == "Fill slug of users in batches"
