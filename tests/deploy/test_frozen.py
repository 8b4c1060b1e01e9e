"""Released migrations do not change, and later migrations need a new version."""

import shutil

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.migrations.loader import MigrationLoader

from veza_core.db.schema_version import Version
from veza_core.management.commands.makemigrations import Command
from veza_core.operations.deploy import frozen
from veza_core.operations.deploy.frozen import freeze, next_version, problems, read_frozen

FIRST, SECOND = Version(1, 0, 0), Version(1, 1, 0)
CORE = "veza_core/migrations/010_auth_and_users.py"
SITE = "veza_site/migrations/0001_staff_log_and_notes.py"
SQL = "schema/010_auth_and_users.sql"
APPS = (*settings.PUBLIC_SCHEMA_APPS, "veza_site")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the migrations and of schema/, with nothing frozen."""
    for app in APPS:
        shutil.copytree(
            settings.BASE_DIR / app / "migrations",
            tmp_path / app / "migrations",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copytree(settings.BASE_DIR / "schema", tmp_path / "schema")
    (tmp_path / "schema/frozen.toml").unlink(missing_ok=True)
    base, real = settings.BASE_DIR, frozen.app_directory

    def app_directory(app):
        directory = real(app)
        return tmp_path / directory.relative_to(base) if directory.parent == base else directory

    monkeypatch.setattr(frozen, "app_directory", app_directory)
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    declare("1.0.0", tmp_path)
    return tmp_path


def declare(version, directory=None):
    ((directory or settings.BASE_DIR) / "schema/VERSION").write_text(f"{version}\n")


def found():
    return list(problems(MigrationLoader(None)))


def test_this_project_keeps_what_is_frozen():
    assert found() == []


def test_a_release_freezes_all_migrations_of_this_project_and_their_sql(project):
    loader = MigrationLoader(None)
    hashes = freeze(FIRST, loader)
    own = {key for key in loader.disk_migrations if key[0].startswith("veza_")}
    assert len([path for path in hashes if path.endswith(".py")]) == len(own)
    assert {CORE, SITE, SQL} <= hashes.keys()
    assert read_frozen() == {FIRST: hashes}
    assert found() == []
    assert freeze(SECOND, loader) == {}


@pytest.mark.parametrize("path", [CORE, SITE, SQL])
@pytest.mark.parametrize("damage", ["edit", "comment", "remove"])
def test_an_edit_of_a_frozen_file_is_refused(project, path, damage):
    freeze(FIRST, MigrationLoader(None))
    file = project / path
    if damage == "remove":
        file.unlink()
    else:
        text = file.read_text()
        file.write_text(text + "\n# nothing\n" if damage == "comment" else text.replace("a", "b"))
    [problem] = found()
    was = "it is missing" if damage == "remove" else "it was changed"
    assert problem.startswith(f"{path}: {was}, and release 1.0.0 has frozen it.")
    assert f"git checkout v1.0.0 -- {path}" in problem


def test_other_line_ends_are_no_edit(project):
    freeze(FIRST, MigrationLoader(None))
    (project / CORE).write_bytes((project / CORE).read_bytes().replace(b"\n", b"\r\n"))
    assert found() == []


def unfreeze(project, name):
    """Change the files as if a migration had been added after the release."""
    file = project / "schema/frozen.toml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if name not in line))


def test_a_migration_after_a_release_needs_a_version(project):
    freeze(FIRST, MigrationLoader(None))
    unfreeze(project, "050_legacy_chat")
    [problem] = found()
    assert problem == (
        "schema/VERSION: 1.0.0 is released, and veza_legacy_chat/migrations/050_legacy_chat.py "
        "comes after it. Write 1.1.0-dev."
    )
    assert str(next_version()) == "1.1.0-dev"
    for version in ("1.1.0-dev", "1.0.1-dev", "2.0.0-dev"):
        declare(version)
        assert (found(), next_version()) == ([], None)


def test_one_of_the_site_needs_none(project):
    """It changes nothing for services."""
    freeze(FIRST, MigrationLoader(None))
    unfreeze(project, "0004_sign_in")
    assert found() == []


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.0.1", "schema/VERSION: 1.0.1 is not released. Write 1.0.1-dev."),
        ("0.9.0", "schema/VERSION: 1.0.0 is released, and 0.9.0 comes before it. Write 1.1.0-dev."),
        ("1.0.0-dev", "schema/VERSION: 1.0.0 is released, and 1.0.0-dev comes before it. "
         "Write 1.1.0-dev."),
    ],
)  # fmt: skip
def test_a_version_that_does_not_fit_the_releases(project, version, told):
    freeze(FIRST, MigrationLoader(None))
    declare(version)
    assert found() == [told]


def test_before_the_first_release_it_is_open(project):
    assert found() == ["schema/VERSION: 1.0.0 is not released. Write 1.0.0-dev."]
    declare("1.0.0-dev")
    assert (found(), next_version()) == ([], None)


@pytest.mark.parametrize("text", ["[", '"1.0.0" = 3', '["1.x"]', '["1.0.0"]\na = "b"\na = "c"'])
def test_a_damaged_list_is_reported(project, text):
    (project / "schema/frozen.toml").write_text(text)
    with pytest.raises(ValueError, match=r"frozen\.toml cannot be read"):
        read_frozen()


@pytest.mark.django_db
def test_makemigrations_declares_the_next_version(project, capsys):
    freeze(FIRST, MigrationLoader(None))
    for expected in ("1.1.0-dev", None):
        command = Command()
        command.dry_run, command.verbosity, command.scriptable = False, 1, False
        command.include_header, command.written_files = True, []
        command.write_migration_files({"veza_core": []})
        said = capsys.readouterr().out
        assert ("schema/VERSION: 1.1.0-dev" in said) is (expected is not None)
        assert (project / "schema/VERSION").read_text() == "1.1.0-dev\n"


@pytest.mark.django_db
def test_lint_names_it(project, monkeypatch):
    monkeypatch.setattr(
        "veza_site.development.management.commands.lint_schema.Command._database", lambda self: []
    )
    freeze(FIRST, MigrationLoader(None))
    (project / CORE).write_text("")
    with pytest.raises(CommandError, match="1 problem"):
        call_command("lint_schema")
