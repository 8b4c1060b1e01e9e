"""`lint_migrations` refuses what would stop or break a running service, and nothing else."""

import io
import re
from itertools import count

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.db.migrations import RunSQL
from django.db.migrations.loader import MigrationLoader

from tests.deploy.later import TEXT, a_copy, a_migration, add, on_disk
from tests.deploy.lint_accepted import GOOD
from tests.deploy.lint_refused import BAD
from tests.deploy.lint_triggers import STRANGE_TRIGGERS
from veza_core.counted import counted
from veza_core.db.scratch import ScratchDatabaseError
from veza_core.operations.deploy.executor import Executor, MigrationReport
from veza_core.operations.deploy.lint import headings, service
from veza_core.operations.deploy.lint.service import judge

pytestmark = pytest.mark.django_db

SQUAWK = settings.BASE_DIR / ".squawk.toml"


def a_release(*parts):
    """Migrations one after another; a tuple begins with whether the migration is atomic."""
    numbers = count(950)
    return [
        a_migration(*part[1:], atomic=part[0], name=f"{next(numbers)}_later")
        if isinstance(part, tuple)
        else a_migration(*part, name=f"{next(numbers)}_later")
        for part in parts
    ]


@pytest.fixture(scope="module")
def of_v1(migrated, django_db_blocker):
    """The models of V1, rendered once."""
    with django_db_blocker.unblock(), a_copy(migrated):
        state = Executor(connection, 5.0, MigrationReport()).state_before()
    assert state.apps
    return state


@pytest.fixture
def lint(migrated, of_v1):
    def lint(release):
        with a_copy(migrated):
            return judge(connection, of_v1.clone(), release, SQUAWK)

    return lint


@pytest.mark.parametrize("heading", BAD)
def test_refused_with_the_heading(lint, heading, subtests):
    for name, parts in BAD[heading].items():
        with subtests.test(name):
            found = lint(a_release(*parts))
            assert heading in {finding.heading for finding in found}, [*map(str, found)]
            assert headings.anchor(heading) in "\n".join(map(str, found))


def test_triggers_that_write_other_rows(lint):
    release = a_release(*STRANGE_TRIGGERS.values())
    found = [finding for finding in lint(release) if finding.heading == headings.FILL]
    assert len(found) == len(release)
    for name, migration in zip(STRANGE_TRIGGERS, release, strict=True):
        assert str(migration) in {finding.migration for finding in found}, name


@pytest.mark.parametrize("name", GOOD)
def test_what_the_page_says_instead_is_not_refused(lint, name):
    assert [*map(str, lint(a_release(*GOOD[name])))] == []


# A reason, and the command ----------------------------------------------------------------------


#: Problems that squawk finds too.
DROPPING = {
    "a default": "ALTER TABLE tracks ALTER like_count DROP DEFAULT",
    "NOT NULL": "ALTER TABLE tracks ALTER like_count DROP NOT NULL",
}


def dropping(reviewed, sql=DROPPING["a default"]):
    migration = a_migration(RunSQL(sql))
    migration.reviewed = reviewed
    return [migration]


@pytest.mark.parametrize("what", DROPPING)
def test_a_reason_covers_findings_under_its_heading(lint, what):
    heading = headings.DROP_NOT_NULL
    for no_reason in ({}, {heading: " "}):
        found = lint(dropping(no_reason, DROPPING[what]))
        assert {finding.heading for finding in found} == {heading}
    assert lint(dropping({heading: "all services write it"}, DROPPING[what])) == []


def test_a_reason_without_a_finding_is_a_finding(lint):
    heading = headings.DROP_NOT_NULL
    [left] = lint(dropping({heading: "all services write it", headings.FILL: "no rows"}))
    assert f"“{headings.FILL}”, but there is no such finding" in str(left)


@pytest.fixture
def command(migrated):
    """Run it on migrations of the next release; return its output, and the error."""

    def command(*release):
        output = io.StringIO()
        with a_copy(migrated), on_disk(release):
            try:
                call_command("lint_migrations", stdout=output)
            except CommandError as error:
                return output.getvalue(), str(error)
        return output.getvalue(), ""

    return command


def unreleased():
    """How many migrations after V1 this project has not released; the command judges them, too."""
    return len(service.pending(MigrationLoader(None), service.released()))


def test_the_command_names_migration_reason_and_heading(command):
    bad = a_migration(add("mood", models.CharField(max_length=9, default="x")), name="951_bad")
    text, error = command(a_migration(add("shown", TEXT)), bad)
    assert re.fullmatch(
        rf"\d findings on {unreleased() + 2} migrations of the next release: docs/changing.md",
        error,
    )
    for line in text.splitlines():
        assert line.startswith("veza_streaming.951_bad: ")
        assert "See “" in line
    assert "tracks.mood is NOT NULL without a default" in text


def test_the_command_accepts_what_the_page_says(command):
    found = command(a_migration(add("shown", TEXT)))
    judged = counted(unreleased() + 1, "migration")
    assert found == (f"No findings in {judged} of the next release.\n", "")


def test_a_role_without_createdb_gets_one_line(command, monkeypatch):
    def refuse(connection):
        raise ScratchDatabaseError("permission denied to create database")

    monkeypatch.setattr(service, "scratch_database", refuse)
    _, error = command(a_migration(add("shown", TEXT)))
    assert error.endswith("throw-away database, and permission denied to create database")
