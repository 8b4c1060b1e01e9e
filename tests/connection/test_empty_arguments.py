"""An empty argument is an error, because usually a variable of a script was not set."""

import sys

import pytest
from django.core.management import get_commands

import manage as manage_py
from veza_core.management.command_line import empty_argument

GIVEN = {
    "an argument": [[""], ["  "], ["a", ""], ["--noinput", "a", "\t"]],
    "--settings": [["--settings", ""], ["--settings="], ["a", "--settings", "  "]],
    "--database": [["--database=  "], ["a", "--database", "", "b"]],
    "-v": [["-v", ""], ["-v="]],
}


@pytest.mark.parametrize("command", sorted(get_commands()))
def test_it_is_refused(command, monkeypatch, capsys):
    """For any command, before Django starts."""
    monkeypatch.setattr("django.core.management.ManagementUtility.execute", pytest.fail)
    for name, given in GIVEN.items():
        for arguments in given:
            monkeypatch.setattr(sys, "argv", ["manage.py", command, *arguments])
            assert manage_py.outcome() == 2
            told = f"manage.py: {name} is empty. Nothing was done.\n"
            assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["migrate", "--database", "default", "veza_core"],
        # An argument of another program.
        ["dbshell", "--", "-c", ""],
        # Not empty: SQL, and a Python expression.
        ["shell", "--command=x = ''"],
        ["shell", "-c", "x="],
    ],
    ids=" ".join,
)
def test_nothing_else_is(arguments):
    assert empty_argument(arguments) is None
