"""Drift on a V1 database: each manual change is named, with the old and the new value."""

import json

import psycopg
import pytest

from tests.support import database_environment, manage, scratch_database, server_parameters

pytestmark = pytest.mark.django_db


@pytest.fixture
def v1(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as name:
        yield name


def audit(name, *arguments):
    """Run the audit as a user does, and return its exit status and its findings of drift."""
    result = manage("audit_schema", "--format", "json", *arguments, **database_environment(name))
    findings = json.loads(result.stdout)["findings"]
    return result.returncode, {
        finding["object"]: finding["message"] for finding in findings if finding["rule"] == "drift"
    }


def run_sql(name, statement):
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        database.execute(statement)


def test_v1_is_clean(v1):
    assert audit(v1) == (0, {})


@pytest.mark.parametrize(
    ("statement", "name", "words"),
    [
        (
            "ALTER TABLE users ALTER token_version SET DEFAULT 1",
            "public.users.token_version (default)",
            ["was 0", "is 1"],
        ),
        (
            "ALTER TABLE users ALTER email TYPE text",
            "public.users.email (type)",
            ["was varchar(255)", "is text"],
        ),
        (
            "ALTER TYPE track_status ADD VALUE 'archived'",
            "public.track_status (values)",
            ["archived"],
        ),
        (
            "COMMENT ON TABLE rooms IS 'other'",
            "public.rooms (comment)",
            ["was Chat rooms of old clients", "is other"],
        ),
        ("DROP INDEX idx_rooms_name", "public.rooms.idx_rooms_name (index)", ["is missing"]),
        ("CREATE VIEW extra AS SELECT 1 AS one", "public.extra (view)", ["was not there"]),
        ("DROP TABLE rooms", "public.rooms (table)", ["is missing"]),
    ],
)
def test_a_change_by_hand_is_named(v1, statement, name, words):
    run_sql(v1, statement)
    code, drift = audit(v1)
    assert code == 1
    assert name in drift
    assert all(word in drift[name] for word in words), drift


def test_only_drift(v1):
    run_sql(v1, "ALTER TABLE users ALTER email TYPE text")
    assert audit(v1, "--rule", "drift")[0] == 1
    assert audit(v1, "--rule", "pk-missing") == (0, {})


def test_the_history_need_not_be_there(v1):
    """As in a database that psql created from schema/*.sql."""
    run_sql(v1, "DROP SCHEMA django CASCADE; COMMENT ON TABLE rooms IS 'other'")
    assert list(audit(v1)[1]) == ["public.rooms (comment)"]


def test_another_database_has_no_drift():
    with scratch_database() as name:
        run_sql(name, "CREATE TABLE users (id int)")
        code, drift = audit(name)
        assert (code, drift) == (1, {})


def test_a_setting_that_a_server_keeps_for_itself_is_no_finding(v1):
    run_sql(
        v1,
        "UPDATE pg_proc SET proconfig = array_prepend('pg_attver=1', proconfig) "
        "WHERE proname = 'update_updated_at_column'",
    )
    result = manage("audit_schema", "--format", "json", **database_environment(v1))
    assert json.loads(result.stdout)["findings"] == []


TUNINGS = {
    "ALTER TABLE rooms SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01)":
        "public.rooms (options)",
    "ALTER TABLE tracks SET (fillfactor = 80)": "public.tracks (options)",
    "ALTER TABLE track_plays RESET (autovacuum_analyze_scale_factor)":
        "public.track_plays (options)",
    "ALTER TABLE users ALTER email SET STATISTICS 500": "public.users.email (statistics)",
    "ALTER TABLE users ALTER email SET (n_distinct = -1)": "public.users.email (options)",
    "ALTER TABLE users REPLICA IDENTITY FULL": "public.users (replica identity)",
    "ALTER TABLE users SET (toast.autovacuum_enabled = false)": "public.users (toast options)",
    "ALTER INDEX idx_rooms_name SET (fillfactor = 70)": "public.rooms.idx_rooms_name (definition)",
    "ALTER INDEX users_pkey SET (fillfactor = 70)": "public.users.users_pkey (options)",
    "CREATE STATISTICS pairs ON email, username FROM users":
        "public.statistics object public.pairs (object)",
}  # fmt: skip


def test_tuning_is_a_warning_of_its_own(v1):
    """It has the old and the new value, and nothing else is drift."""
    run_sql(v1, ";".join(TUNINGS))
    result = manage("audit_schema", "--format", "json", **database_environment(v1))
    found = json.loads(result.stdout)["findings"]
    assert {(each["rule"], each["severity"]) for each in found} == {("tuning", "warning")}
    assert {each["object"] for each in found} == set(TUNINGS.values())
    [options] = [each for each in found if each["object"] == "public.rooms (options)"]
    assert "was none, is autovacuum_vacuum_scale_factor=0.01, fillfactor=90" in options["message"]


def test_an_index_that_sorts_otherwise_is_drift(v1):
    run_sql(v1, "DROP INDEX idx_rooms_name; CREATE INDEX idx_rooms_name ON rooms (name DESC)"
                " WITH (fillfactor = 70)")  # fmt: skip
    assert list(audit(v1)[1]) == ["public.rooms.idx_rooms_name (definition)"]
