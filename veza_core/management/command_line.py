"""What all commands ask of a command line: those of Django and of other packages too."""

import re
from collections.abc import Sequence

#: What somebody types there is theirs; the site's sessions have limits of their own.
UNBOUNDED = {
    *("dbshell", "shell", "shell_plus", "runscript"),
    *("runserver", "runserver_plus", "runprofileserver", "testserver", "test"),
}

#: An option with what stands behind its `=`.
JOINED = re.compile(r"(--?[\w-]+)=\s*")


def has_bounded_waits(arguments: Sequence[str]) -> bool:
    """Whether the command that these arguments name waits for a lock within a limit."""
    return bool(arguments) and arguments[0] not in UNBOUNDED


def empty_argument(arguments: Sequence[str]) -> str | None:
    """The option, or "an argument", that is given and empty; None where there is none.

    An empty one is a variable of a script that was not set: many commands would take it for one
    that was not given, and do something else. What stands behind `--` is another program's.
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
