"""Makes two releases in a copy of the project with a separate history, as `make release` does.

It leaves out the other targets: lint, tests and the matrix, which run before, and the bill of
materials, which needs a registry.
"""

import json
import os
import re
import subprocess
import tarfile

import pytest

from tests.growth.project import Project
from tests.growth.test_growth import COMMANDS
from tests.support import ROOT, scratch_database

pytestmark = pytest.mark.process

FIRST = """
from pathlib import Path
from django.db.migrations.loader import MigrationLoader
from veza_core.operations.deploy.frozen import problems

def lint():
    return list(problems(MigrationLoader(None)))

stray, hook = Path("stray.txt"), Path(".git/hooks/pre-commit")
told = {"open": lint()}
stray.write_text("")
told["dirty"] = run("make_release", "1.0.0")
stray.unlink()
for version in ("1", "1.0.0-dev", "1.1.0"):
    told[version] = run("make_release", version)
told["check"] = run("make_release", "1.0.0", check=True)
hook.write_text("#!/bin/sh\\necho no >&2; exit 1\\n")
hook.chmod(0o755)
told["hook"] = run("make_release", "1.0.0")
told["after hook"] = Path("schema/VERSION").read_text()
hook.unlink()
told["release"] = run("make_release", "1.0.0")
told["again"] = run("make_release", "1.0.0")
told["released"] = lint()
core = Path("veza_core/migrations/010_auth_and_users.py")
text = core.read_text()
core.write_text(text + "# a remark\\n")
told["edited"] = lint()
core.write_text(text)
print(json.dumps(told))
"""
MIGRATION = '''"""Migration 940: the mood of a track."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("veza_core", "900_triggers_and_functions"),
        ("veza_streaming", "041_streaming_analytics"),
    ]

    operations = [migrations.RunSQL("ALTER TABLE public.tracks ADD mood text")]
'''
CHAPTER = """
## 1.1.0

- **Before**: nothing.
- **After**: tracks.mood.
- **Changes**:

{changes}
"""
SECOND = """
from pathlib import Path

changes, declared = Path("schema/CHANGES.md"), Path("schema/VERSION")

def write(text):
    changes.write_text(text)
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "Changes"], check=True)

import subprocess
base = changes.read_text()
told = {"no chapter": run("make_release", "1.1.0")}
write(base + CHAPTER.format(changes=""))
told["not in it"] = run("make_release", "1.1.0")
told["diff"] = run("schema_diff", "v1.0.0", format="markdown")
write(base + CHAPTER.format(changes=told["diff"]))
declared.write_text("1.0.1-dev\\n")
run("export_schema")
write(changes.read_text() + "## 1.0.1\\n" + told["diff"])
told["too low"] = run("make_release", "1.0.1")
subprocess.run(["git", "reset", "--quiet", "--hard", "HEAD~1"], check=True)
told["release"] = run("make_release", "1.1.0")
print(json.dumps(told))
"""


def git(project, *arguments):
    done = subprocess.run(
        ["git", *arguments],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(django_db_setup, django_db_blocker, tmp_path_factory):
    """The copy, in one commit."""
    with django_db_blocker.unblock(), scratch_database() as name:
        project = Project(tmp_path_factory.mktemp("release"), name)
        project.environment |= {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "a"), ("EMAIL", "a@example.com"))
        }
        project.environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        for file in ("CHANGELOG.md", ".gitignore", "Dockerfile", ".dockerignore"):
            (project.directory / file).write_bytes((ROOT / file).read_bytes())
        # As before the first release, whatever this project has released later.
        (project.directory / "schema/frozen.toml").unlink(missing_ok=True)
        (project.directory / "schema/VERSION").write_text("1.0.0-dev\n")
        text = (project.directory / "CHANGELOG.md").read_text("utf-8")
        text = re.sub(r"^## .*", "## Unreleased: 1.0.0", text, count=1, flags=re.M)
        (project.directory / "CHANGELOG.md").write_text(text, "utf-8")
        git(project, "init", "--quiet")
        (project.directory / ".git/info/exclude").write_text("program.py\n")
        project.run(f'{COMMANDS}\nrun("export_schema")')
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "--message", "All of it")
        yield project


def test_two_releases(project, subtests):
    told = json.loads(project.run(COMMANDS + FIRST))
    with subtests.test("what is refused changes nothing"):
        assert "the tree is not clean" in told["dirty"]
        assert "is not a version" in told["1"]
        assert "a release has no -dev" in told["1.0.0-dev"]
        assert "write 1.1.0-dev there" in told["1.1.0"]
        assert "failed: git commit: no" in told["hook"]
        assert told["after hook"] == "1.0.0-dev\n"
        assert "tag v1.0.0 exists already" in told["again"]
        assert (told["open"], told["check"]) == ([], "")
    with subtests.test("the release"):
        assert "tag v1.0.0" in told["release"]
        assert git(project, "tag") == "v1.0.0\n"
        assert git(project, "status", "--porcelain") == ""
        assert git(project, "log", "-1", "--format=%s") == "Release 1.0.0\n"
        assert told["released"] == []
        read = (project.directory / "schema/VERSION").read_text()
        assert read == "1.0.0\n"
        assert "Veza schema 1.0.0'" in (project.directory / "schema/999_version.sql").read_text()
        assert re.search(
            r"^## 1\.0\.0 \(\d{4}-\d\d-\d\d\)$",
            (project.directory / "CHANGELOG.md").read_text(),
            re.M,
        )
    with subtests.test("its file is what is deployed"):
        with tarfile.open(project.directory / "dist/veza-1.0.0.tar.gz") as file:
            names = set(file.getnames())
        assert {"veza-1.0.0/manage.py", "veza-1.0.0/schema/frozen.toml"} <= names
        assert not [name for name in names if name.endswith("/.env") or "/.git/" in name]
    with subtests.test("an edit of what it froze"):
        [problem] = told["edited"]
        assert problem.startswith("veza_core/migrations/010_auth_and_users.py: it was changed")
    check_second(project, subtests)


def check_second(project, subtests):
    last = project.last_migration("veza_streaming")
    number = project.next_number("veza_streaming", 940)
    migration = project.directory / f"veza_streaming/migrations/{number}_tracks_mood.py"
    migration.write_text(MIGRATION.replace("041_streaming_analytics", last))
    (project.directory / "schema/VERSION").write_text("1.1.0-dev\n")
    text = (project.directory / "CHANGELOG.md").read_text("utf-8")
    text = text.replace("## 1.0.0 (", "## Unreleased: 1.1.0\n\n## 1.0.0 (")
    (project.directory / "CHANGELOG.md").write_text(text, "utf-8")
    project.run(f'{COMMANDS}\nrun("export_schema")')
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "A mood")
    frozen = (project.directory / "schema/frozen.toml").read_text()
    told = json.loads(project.run(f"{COMMANDS}\nCHAPTER = {CHAPTER!r}\n{SECOND}"))
    with subtests.test("services are told what changes"):
        assert "schema/CHANGES.md has no chapter “## 1.1.0”" in told["no chapter"]
        assert "does not have what changed since 1.0.0" in told["not in it"]
        assert "`column tracks.mood: was not there, is text`" in told["diff"]
        assert "1.1.0 or later; 1.0.1-dev is too low" in told["too low"]
    with subtests.test("the second release adds to what is frozen"):
        assert "2 files are frozen, tag v1.1.0" in told["release"]
        after = (project.directory / "schema/frozen.toml").read_text()
        assert after.startswith(frozen)
        assert f"{number}_tracks_mood.sql" in after.removeprefix(frozen)


def test_make_release_checks_before_it_releases():
    """The targets in the order in which make would run them."""
    done = subprocess.run(
        ["make", "-n", "release", "VERSION=1.0.0"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = (
        *('make_release "1.0.0" --check', "lint_schema", "-m pytest", "tests.matrix"),
        *('make_release "1.0.0"\n', "cyclonedx-py"),
    )
    places = [done.stdout.index(step) for step in steps]
    assert places == sorted(places)
