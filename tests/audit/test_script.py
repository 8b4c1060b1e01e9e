"""The printed SQL as a script for psql while a service runs: failures and waits."""

import psycopg

from tests.audit.conftest import psql
from tests.audit.fixing import execute, objects, report
from veza_core.schema.audit.reporters import sql
from veza_core.schema.audit.rules import CATALOG_RULES


def test_fix_that_fails_leaves_nothing_half_done_and_the_others_are_tried(make_database):
    url = make_database("audit_failing")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, created_at timestamptz, "
        "label varchar)",
        "INSERT INTO users (id, email) SELECT gen_random_uuid(), 'a@b' FROM generate_series(1, 2)",
        "CREATE TABLE plays (id uuid PRIMARY KEY, user_id uuid NOT NULL)",
        "INSERT INTO plays SELECT gen_random_uuid(), gen_random_uuid()",
    )
    names = {"search-not-unique", "timestamps-nullable", "fk-missing", "type-varchar-unbounded"}
    rules = [rule for rule in CATALOG_RULES if rule.id in names]
    before = report(url, rules=rules)
    assert {each.rule.id for each in before.findings} == names
    done = psql(url, sql.render(before))
    assert done.returncode == 3
    for failed in (
        "search-not-unique public.users.email: could not create unique index",
        "timestamps-nullable public.users.created_at: check constraint",
        "fk-missing public.plays.user_id: insert or update on table",
    ):
        assert failed in done.stderr.partition("Failed:")[2]
    assert " a@b   |     2" in done.stdout
    after = report(url)
    assert {each.rule.id for each in after.findings if each.rule.id in names} == names - {
        "type-varchar-unbounded"
    }
    left = {"index-invalid", "check-name", "fk-not-valid"}
    assert not left & {each.rule.id for each in after.findings}


def test_a_waiting_statement_does_not_block_others_for_long(make_database):
    """If a reader does not end, the statement gives up, and the rest is applied."""
    url = make_database("audit_beside")
    execute(
        url,
        "CREATE TABLE users (id uuid PRIMARY KEY)",
        "CREATE TABLE plays (id uuid PRIMARY KEY, user_id uuid REFERENCES users ON DELETE CASCADE)",
    )
    names = {"pk-default", "fk-not-indexed"}
    rules = [rule for rule in CATALOG_RULES if rule.id in names]
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM plays")
        # It ends while the reader still holds its lock.
        done = psql(url, sql.render(report(url, rules=rules)), "-v", "lock_timeout=100ms")
        assert reader.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert done.returncode == 3
    assert "pk-default public.plays.id: canceling statement due to lock timeout" in done.stderr
    assert objects(report(url, rules=rules)) == {("pk-default", "public.plays.id")}


def test_name_that_was_taken_meanwhile_keeps_its_index(make_database):
    """If a fix fails because somebody was faster, the other session's index stays."""
    url = make_database("audit_taken")
    execute(url, "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL)")
    rules = [rule for rule in CATALOG_RULES if rule.id == "search-not-unique"]
    script = sql.render(report(url, rules=rules))
    execute(
        url,
        "CREATE INDEX idx_users_email ON users (id)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass",
    )
    assert psql(url, script).returncode == 3
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('idx_users_email')").fetchone() != (None,)


def test_script_does_not_run_inside_a_transaction(make_database):
    url = make_database("audit_inside")
    execute(url, "CREATE TABLE users (id uuid PRIMARY KEY)")
    done = psql(url, sql.render(report(url)), "-1")
    assert done.returncode == 3
    assert "leave out psql -1" in done.stderr
    assert ("pk-default", "public.users.id") in objects(report(url))
