"""The rollback of docs/operations.md, run as it is written there."""

import re
import shlex

import psycopg
import pytest

from tests.backup.state import connect, differences, state_of
from tests.support import ROOT, database_environment, manage_process

pytestmark = pytest.mark.django_db

DOCUMENT = ROOT / "docs" / "operations.md"


def steps(section):
    """The commands of a section, each with the lines that it printed."""
    text = DOCUMENT.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    for block in re.split(r"\n +\$ ", text)[1:]:
        command, *printed = block.split("\n\n")[0].splitlines()
        yield command, [line.strip() for line in printed]


def without_figures(line):
    """A line of output, but for what differs between two runs."""
    line = re.sub(r"Connected to .*", "Connected", line)
    line = re.sub(r"taken at .*", "taken at", line)
    line = re.sub(r"sha256 \w+", "sha256", line)
    line = re.sub(r"by \d+ rules", "by rules", line)
    line = re.sub(r"\d+ tables, (?=\S* \S*, sha256)", "tables, ", line)
    line = re.sub(r"PostgreSQL .*?, schema", "PostgreSQL, schema", line)
    return re.sub(r"(\d+\.\d+|UPDATE \d+)( [kM]B| s)?", "", line)


def run(command, name, directory):
    """Run a command of the document on the database and in the directory."""
    python, script, *arguments = shlex.split(command.replace("/backups", str(directory)))
    assert (python, script) == ("python", "manage.py")
    arguments = [name if argument == "veza" else argument for argument in arguments]
    return manage_process(*arguments, **database_environment(name))


def test_rollback(database, tmp_path):
    before = state_of(database)
    commands = list(steps("Rollback"))
    assert [shlex.split(command)[2] for command, _ in commands] == [
        "backup_db",
        "migrate",
        "dbshell",
        "migrate",
        "restore_db",
        "migrate",
    ]
    for command, printed in commands:
        result = run(command, database, tmp_path)
        fails = any(line.startswith("CommandError") for line in printed)
        assert result.returncode == int(fails), (command, result.stderr)
        told = (result.stdout + result.stderr).replace(str(tmp_path), "/backups").splitlines()
        assert list(map(without_figures, told)) == list(map(without_figures, printed))
        if "dbshell" in command:
            with connect(database) as session, pytest.raises(psycopg.errors.UndefinedColumn):
                session.execute("SELECT slug FROM users")
            assert differences(before, state_of(database)) != ""
    assert differences(before, state_of(database)) == ""
