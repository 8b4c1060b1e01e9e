"""Adds a table and a column to a copy of the project, only by the steps of CONTRIBUTING.md.

mypy, which `make lint` also runs, is left out: without its cache it takes as long as the rest.
"""

import json

import psycopg
import pytest

from tests.growth import track_reports as example
from tests.growth.project import Project
from tests.schema import catalog, contract
from tests.support import ROOT, scratch_database, server_parameters
from veza_core.schema.export.files import VERSION

pytestmark = pytest.mark.process

#: `make` calls these commands; a process for each would take longer than their work.
COMMANDS = """
import io, json, sys
from django.core.management import call_command
from django.core.management.base import CommandError

def run(*arguments, **options):
    output = io.StringIO()
    try:
        call_command(*arguments, stdout=output, stderr=output, **options)
    except (CommandError, SystemExit) as error:
        output.write(f"\\nfailed: {error}")
    return output.getvalue()
"""
#: As after the first release: its migrations are frozen, and so is its version.
RELEASED = """
from pathlib import Path
from django.db.migrations.loader import MigrationLoader
from veza_core.db.schema_version import Version
from veza_core.operations.deploy.frozen import freeze

Path("schema/VERSION").write_text("1.0.0\\n")
run("export_schema")
freeze(Version(1, 0, 0), MigrationLoader(None))
"""
NAMES = {
    ".venv/bin/python manage.py makemigrations": 'run("makemigrations")',
    "make schema": 'run("export_schema")',
    "make lint": 'run("lint_schema")',
}
USED = """
from uuid import UUID
from django.db import connection
from django.test.utils import setup_test_environment
from tests_of_the_copy import make_staff, signed_in

said = [run("migrate"), run("seed_demo", users=100, tracks=50, playlists=10, plays=0, likes=0,
                            comments=0)]
with connection.cursor() as cursor:
    cursor.execute("SELECT id FROM track_reports WHERE deleted_at IS NULL LIMIT 1")
    [key] = cursor.fetchone()
    cursor.execute("SELECT count(*) FROM track_reports")
    [seeded] = cursor.fetchone()
setup_test_environment()
client = signed_in(make_staff("moderator"))
list_page = client.get("/admin/veza_streaming/trackreport/?status=open")
page = client.get(f"/admin/veza_streaming/trackreport/{key}/")
start = client.get("/admin/")
with connection.cursor() as cursor:
    cursor.execute("UPDATE track_reports SET deleted_at = now() - interval '99 days' WHERE id = %s "
                   "RETURNING updated_at = now()", [key])
    [kept] = cursor.fetchone()
said.append(run("purge", only=["track_reports"]))
with connection.cursor() as cursor:
    cursor.execute("SELECT FROM track_reports WHERE id = %s", [key])
    left = cursor.rowcount
print(json.dumps({
    "said": said, "seeded": seeded, "kept": kept, "key": str(key), "left": left,
    "list": [list_page.status_code, list_page.content.decode()],
    "page": [page.status_code, page.content.decode()],
    "start": start.content.decode(),
}))
"""


#: Values that Python cannot represent, or that have any size, and the pages that show them.
EXTREME = """
from django.db import connection
from django.test.utils import setup_test_environment
from tests_of_the_copy import signed_in
from veza_core.models import User

with connection.cursor() as cursor:
    cursor.execute(
        "INSERT INTO track_reports (track_id, reporter_id, explanation, heard, open_on, took,"
        " call_at, proof, fee, score, grid) SELECT tracks.id, users.id, 'Odd', '(,5)',"
        " '[2026-01-01,infinity)', '-170000000 years', '24:00',"
        " convert_to(repeat('x', 1000000), 'UTF8'), 'NaN', '-infinity', '{{NaN,1},{NULL,2}}'"
        " FROM tracks, users WHERE username = 'alice' LIMIT 1 RETURNING id, track_id, reporter_id"
    )
    key, track, user = cursor.fetchone()
setup_test_environment()
client = signed_in(User.objects.get(username="alice"))
print(json.dumps({
    path: [(answer := client.get(f"/admin/{path}/")).status_code, answer.content.decode()]
    for path in ("veza_streaming/trackreport", f"veza_streaming/trackreport/{key}",
                 f"veza_streaming/track/{track}", f"veza_core/user/{user}")
}))
"""


@pytest.fixture(scope="module")
def grown(django_db_setup, django_db_blocker, tmp_path_factory):
    """The copy, with the output of each step."""
    with django_db_blocker.unblock(), scratch_database() as name:
        project = Project(tmp_path_factory.mktemp("growth"), name)
        project.database = name
        project.run(COMMANDS + RELEASED)
        yield project


def steps(project):
    """Run the commands of CONTRIBUTING.md; return the output of each."""
    assert set(project.commands()) == set(NAMES)
    calls = ", ".join(NAMES[command] for command in project.commands())
    return json.loads(project.run(f"{COMMANDS}\nprint(json.dumps([{calls}]))"))


def made(project, name):
    """The name of the migration that makemigrations wrote; it begins with a number."""
    [path] = (project.directory / "veza_streaming/migrations").glob(f"9??_{name}.py")
    return path.stem


def live(project):
    with psycopg.connect(**server_parameters(), dbname=project.database) as session:
        session.execute("SET search_path = public")
        return catalog.read(session.cursor())


def written(project):
    directory = project.directory / "schema"
    return {
        path.name: path.read_bytes() for path in directory.glob("*.sql") if path.name != VERSION
    }


def check_contract(project):
    """As tests/schema/test_contract.py does."""
    tables, found = contract.parse(project_text(project)).tables, live(project).tables
    assert found.keys() == tables.keys()
    for name, table in found.items():
        assert vars(table) == vars(tables[name]), name


def project_text(project):
    return (project.directory / "docs/schema.md").read_text("utf-8")


def test_a_table_and_then_a_column(grown, subtests):
    before = written(grown)
    with subtests.test("what is forgotten is said by name"):
        text, *replaced = example.ALL_FILES["veza_streaming/models/social.py"]
        grown.edit("veza_streaming/models/social.py", *replaced, append=text)
        said = grown.run(f'{COMMANDS}\nprint(run("lint_schema"), run("makemigrations"))')
        assert "changed without a migration" in said
        lint = grown.run(f'{COMMANDS}\nprint(run("lint_schema"))')
        migration = made(grown, "track_reports")
        for line in (
            "veza_streaming/admin/: track_reports has no screen. Add @admin.register(TrackReport)",
            "docs/schema.md: track_reports is not in the contract. Add **track_reports** (soft):",
            f"docs/schema.md: migration veza_streaming.{migration} has no chapter.",
            "veza_demo/tables/: seed_demo has no rows for track_reports. Add @table(rows=",
            f"schema/: {migration}.sql, {VERSION}, catalog.json: these differ from the migrations.",
        ):
            assert line in lint
    with subtests.test("after the steps nothing is missing"):
        for name, (text, *replaced) in example.ALL_FILES.items():
            if name not in grown.edited:
                text = text.replace("{chapter}", migration.replace("_", " "))
                grown.edit(name, *replaced, append=text)
        said, exported, lint = steps(grown)
        assert "No changes detected" in said
        assert f"{migration}.sql, {VERSION}, catalog.json" in exported
        assert (grown.directory / "schema/VERSION").read_text() == "1.1.0-dev\n"
        assert lint == "The schema matches the models, and nothing is missing.\n"
        assert grown.ruff() == ""
    with subtests.test("the other files are as they were"):
        after = written(grown)
        assert {name: text for name, text in after.items() if name in before} == before
        assert after.keys() - before.keys() == {f"{migration}.sql"}
    with subtests.test("it is used"):
        check_use(grown)
    with subtests.test("the contract is the database"):
        check_contract(grown)
    with subtests.test("only the files that the guide names"):
        places = grown.places()
        # The page for the services has nothing new to say of this table, and the last step is only
        # a look at the migration that makemigrations wrote.
        assert len(places) == len(grown.edited) + 2
        assert len(grown.edited) == 4
        assert {name for name in grown.edited if not name.startswith(tuple(places))} == set()
    with subtests.test("columns, one of them a foreign key"):
        check_column(grown)
    with subtests.test("columns of all types"):
        check_types(grown)


def used_by_staff(grown, code):
    helper = grown.directory / "tests_of_the_copy.py"
    helper.write_text((ROOT / "tests/staff.py").read_text("utf-8"), "utf-8")
    try:
        return json.loads(grown.run(COMMANDS + code).splitlines()[-1])
    finally:
        helper.unlink()


def check_use(grown):
    used = used_by_staff(grown, USED)
    migrated, seeded, purged = used["said"]
    assert "veza_streaming.9" in migrated
    assert "Audit: 0 errors and 0 warnings" in migrated
    assert "failed" not in seeded
    assert used["seeded"] == 40
    assert used["kept"] is True, "the trigger keeps updated_at"
    assert [used["list"][0], used["page"][0]] == [200, 200]
    assert used["key"][:8] in used["page"][1]
    assert "/admin/veza_streaming/trackreport/" in used["start"]
    assert "track_reports: " in purged
    assert used["left"] == 0


def check_column(grown):
    before = written(grown)
    grown.edited.clear()
    grown.edit(
        "veza_streaming/models/social.py",
        *(example.COLUMN, example.COLUMN_CHECK, example.COLUMN_INDEX),
    )
    grown.edit("veza_demo/tables/analytics.py", example.COLUMN_SEED)
    grown.edit("docs/schema.md", example.COLUMN_CONTRACT, example.COLUMN_CONTRACT_INDEX)
    number = int(made(grown, "track_reports")[:3]) + 1
    # The second builds the indexes of the columns, and validates the check and the foreign key.
    chapters = [
        f"{number} track reports moderator",
        f"{number + 1} idx track reports position ms created at",
    ]
    for chapter in chapters:
        grown.edit("docs/schema.md", append=example.COLUMN_CHAPTER.replace("{chapter}", chapter))
    said, exported, lint = steps(grown)
    migration, later = (chapter.replace(" ", "_") for chapter in chapters)
    assert f"{migration}.py" in said
    assert f"{migration}.sql, {later}.sql, catalog.json" in exported
    assert lint == "The schema matches the models, and nothing is missing.\n"
    assert grown.ruff() == ""
    after = written(grown)
    assert {name: text for name, text in after.items() if name in before} == before
    assert b"ADD COLUMN position_ms INTEGER" in after[f"{migration}.sql"]
    assert b"COMMENT ON COLUMN public.track_reports.explanation" in after[f"{migration}.sql"]
    assert b"ADD COLUMN moderator_id UUID" in after[f"{migration}.sql"]
    assert b"CREATE INDEX idx_track_reports_position_ms" in after[f"{later}.sql"]
    assert b"CREATE INDEX idx_track_reports_moderator_id" in after[f"{later}.sql"]
    assert len(grown.edited) <= 3
    migrated = grown.run(f'{COMMANDS}\nprint(run("migrate"))')
    assert "schema public 1.1.0-dev: " in migrated
    assert "Audit: 0 errors and 0 warnings" in migrated
    check_contract(grown)


def check_types(grown):
    """No value breaks a page; what Python cannot represent is shown as PostgreSQL writes it."""
    number = int(made(grown, "track_reports")[:3]) + 3
    grown.edit("veza_streaming/models/social.py", example.TYPES, example.TYPES_IMPORT)
    grown.edit("veza_demo/tables/analytics.py", example.TYPES_SEED, example.TYPES_SEED_IMPORT)
    chapter = example.COLUMN_CHAPTER.replace("{chapter}", f"{number} track reports call at")
    grown.edit("docs/schema.md", example.TYPES_CONTRACT, append=chapter)
    grown.edit("docs/services.md", example.TYPES_SERVICES)
    *_, lint = steps(grown)
    assert lint == "The schema matches the models, and nothing is missing.\n"
    assert "Audit: 0 errors and 0 warnings" in grown.run(f'{COMMANDS}\nprint(run("migrate"))')
    check_contract(grown)
    pages = used_by_staff(grown, EXTREME)
    assert {status for status, _ in pages.values()} == {200}
    row = [*pages.values()][1][1]
    for text in ("(,5)", "[2026-01-01,infinity)", "-170000000 years", "24:00:00", "NaN", "[null"):
        assert text in row
    assert len(row) < 50_000
