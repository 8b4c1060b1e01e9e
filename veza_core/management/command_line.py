"""Checks that apply to the command line of all commands, including Django's and other packages'."""

import re
from collections.abc import Sequence

#: Users type their own statements there, and the site's sessions have their own limits.
UNBOUNDED = {
    *("dbshell", "shell", "shell_plus", "runscript"),
    *("runserver", "runserver_plus", "runprofileserver", "testserver", "test"),
}

#: An option and the value after its `=`.
JOINED = re.compile(r"(--?[\w-]+)=\s*")


def has_bounded_waits(arguments: Sequence[str]) -> bool:
    """Whether the command of these arguments has a limit for lock waits."""
    return bool(arguments) and arguments[0] not in UNBOUNDED


def empty_argument(arguments: Sequence[str]) -> str | None:
    """The option, or "an argument", that is empty; None if there is none.

    An empty one is usually a variable of a script that was not set. Many commands would treat it as
    missing, and do something else. Arguments after `--` belong to another program.
    """
    before = ""
    for argument in arguments:
        if argument == "--":
            return None
        if joined := JOINED.fullmatch(argument):
            return joined[1]
        if not argument.strip():
            return before if before.startswith("-") else "an argument"
        before = argument
    return None
