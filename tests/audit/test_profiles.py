"""Different rules apply to V1, to a database that becomes V1, and to any other database."""

import io
import json

import psycopg
import pytest
from django.core.management import call_command

from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.profiles import OF_UUIDS, OF_V1, Profile, recognise, rules_of
from veza_core.schema.audit.rules import ALL_RULES

UUIDS = "CREATE TABLE a (id uuid PRIMARY KEY); CREATE TABLE b (n int PRIMARY KEY);"
NUMBERS = "CREATE TABLE a (id bigint PRIMARY KEY);"
HALF = "".join(f"CREATE TABLE {name} (id int);" for name in sorted(expected_tables())[::2])
HISTORY = """
CREATE SCHEMA django; CREATE TABLE django.django_migrations (app text, name text);
INSERT INTO django.django_migrations VALUES ('{}', '0001');
"""


@pytest.mark.parametrize(
    ("ddl", "profile"),
    [
        ("", Profile.VEZA),
        (HALF, Profile.VEZA),
        (NUMBERS + HISTORY.format("veza_core"), Profile.VEZA),
        (NUMBERS + HISTORY.format("other"), Profile.ANY),
        (NUMBERS, Profile.ANY),
        (UUIDS, Profile.UUID),
        ("CREATE TABLE a (id uuid, at date, PRIMARY KEY (id, at))", Profile.UUID),
        ("CREATE TABLE users (name text)", Profile.ANY),
    ],
)
def test_database_is_recognised(scratch, ddl, profile):
    if ddl:
        scratch.run(ddl)
    assert recognise(scratch.connection, scratch.catalog()) is profile


def test_v1_is_recognised(v1):
    from veza_core.schema.audit.reader import read_catalog

    with psycopg.connect(v1) as connection:
        connection.execute("SET LOCAL search_path = pg_catalog")
        assert recognise(connection, read_catalog(connection, ("public",))) is Profile.VEZA
        # Other schemas of the database do not matter.
        connection.execute("CREATE SCHEMA chat CREATE TABLE messages (id bigint PRIMARY KEY)")
        assert recognise(connection, read_catalog(connection, ("chat",))) is Profile.ANY
        connection.rollback()


def test_every_timestamp_without_a_zone_is_found_once_in_each_profile(scratch):
    scratch.run(
        "CREATE TABLE plays (created_at timestamp, deleted_at timestamp(3), ended_at timestamp)"
    )
    for profile in Profile:
        found = scratch.findings(rules=rules_of(profile, ALL_RULES))
        assert sorted(
            each.object.rpartition(".")[2] for each in found if "timestamp" in each.message
        ) == ["created_at", "deleted_at", "ended_at"]


def test_role_that_may_not_read_the_history_can_audit(scratch):
    scratch.run(NUMBERS + HISTORY.format("veza_core"))
    scratch.run("CREATE ROLE audit_without_history; SET LOCAL ROLE audit_without_history")
    assert recognise(scratch.connection, scratch.catalog()) is Profile.ANY


def test_profiles_leave_out_rules_that_exist():
    ids = {rule.id for rule in ALL_RULES}
    assert ids > OF_V1 | OF_UUIDS
    assert not OF_V1 & OF_UUIDS
    assert rules_of(Profile.VEZA, ALL_RULES) == ALL_RULES
    assert {rule.id for rule in rules_of(Profile.UUID, ALL_RULES)} == ids - OF_V1
    assert {rule.id for rule in rules_of(Profile.ANY, ALL_RULES)} == ids - OF_V1 - OF_UUIDS


def rules_found(*arguments):
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("audit_schema", *arguments, "--format", "json", stdout=out)
    content = json.loads(out.getvalue())
    return content["profile"], {each["rule"] for each in content["findings"]}


def test_foreign_database_is_not_told_that_our_tables_are_missing(make_database):
    url = make_database("audit_profiles")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE invoices (id bigint PRIMARY KEY, amount money)")
    assert rules_found("--url", url) == ("any", {"type-money"})
    profile, rules = rules_found("--url", url, "--profile", "uuid")
    assert (profile, "pk-not-uuid-id" in rules, "table-missing" in rules) == ("uuid", True, False)
    assert "table-missing" in rules_found("--url", url, "--profile", "veza")[1]
    # A rule that is given by name runs.
    assert rules_found("--url", url, "--rule", "table-unexpected")[1] == {"table-unexpected"}
