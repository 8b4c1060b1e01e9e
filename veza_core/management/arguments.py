"""Types of arguments that several commands take."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from veza_core.operations.pace import Pace
from veza_core.visible import visible


def some_text(text: str) -> str:
    """A text that is not empty. An empty one is usually a variable of a script that was not set."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text


def some_path(text: str) -> Path:
    """A path. An empty one would mean the working directory."""
    return Path(some_text(text))


def some_file(text: str) -> Path:
    """The path of a file. A directory is refused, and so is `-`, which often means stdin."""
    if text == "-":
        raise ArgumentTypeError("- is not accepted here: give the name of a file")
    # A Path drops its last slash.
    if text in (".", "..") or text.endswith(("/", "/.", "/..")):
        raise ArgumentTypeError(f"{visible(text)} is a directory: give the name of a file")
    return some_path(text)


def a_number_of(what: str, most: int) -> Callable[[str], int]:
    """The type of a whole number of rows, tracks and so on, from 1 to `most`."""

    def number(text: str) -> int:
        if not re.fullmatch(r"[1-9]\d{0,8}", text) or int(text) > most:
            raise ArgumentTypeError(f"a number of {what} is needed, from 1 to {most}")
        return int(text)

    return number


def a_pause(text: str) -> tuple[float, float]:
    """`0.5`, in seconds, or `200%` of the time that a batch took: (seconds, share)."""
    match = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)(%?)", text)
    if not match:
        raise ArgumentTypeError("seconds are needed (0.5), or a share (100%)")
    number = float(match[1])
    return (0.0, number / 100) if match[2] else (number, 0.0)


def a_lock_timeout(text: str) -> float:
    """Seconds, at least 0.001: PostgreSQL reads 0 as "no limit"."""
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text) or float(text) < 0.001:
        raise ArgumentTypeError("seconds are needed, 0.001 at least")
    return float(text)


def add_database(parser: ArgumentParser, what: str) -> None:
    """Add `--database`; `what` is its purpose."""
    parser.add_argument(
        "--database",
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help=f'{what}. Defaults to the "default" database.',
    )


def add_json(parser: ArgumentParser) -> None:
    """Add `--json`, read as `options["as_json"]`."""
    parser.add_argument(
        "--json",
        action="store_true",
        dest="as_json",
        help="Print the result as one JSON object, for pipelines.",
    )


def add_tools(parser: ArgumentParser) -> None:
    """Add `--tools`, for `find_tools`."""
    parser.add_argument(
        "--tools",
        type=some_text,
        metavar="DIRECTORY",
        help="The directory of pg_dump and pg_restore (default: the most suitable ones on this "
        "machine).",
    )


def add_lock_timeout(parser: ArgumentParser, text: str) -> None:
    """Add `--lock-timeout` for commands with the locks of migrations, with this help."""
    parser.add_argument(
        "--lock-timeout",
        type=float,
        default=settings.MIGRATE_LOCK_TIMEOUT,
        metavar="SECONDS",
        help=text,
    )


def check_lock_timeout(options: Mapping[str, Any]) -> None:
    """Raise `CommandError` for a value that PostgreSQL would not read as a limit."""
    if options["lock_timeout"] < 0.001:
        raise CommandError("--lock-timeout is at least 0.001 s: no limit would stop traffic")


def add_pace(parser: ArgumentParser, batch: str) -> None:
    """Add the options of a job that works in batches; `batch` describes a batch."""
    parser.add_argument(
        "--batch-size",
        type=a_number_of("rows", 100_000),
        default=1000,
        metavar="ROWS",
        help=f"{batch} (default: 1000).",
    )
    parser.add_argument(
        "--pause",
        type=a_pause,
        default="100%",
        metavar="PAUSE",
        help="Pause after each batch: seconds, such as 0.5, or a share of the time that the batch "
        "took, such as 300%% (default: 100%%, so half of the time is pause).",
    )
    parser.add_argument(
        "--lock-timeout",
        type=a_lock_timeout,
        default=0.5,
        metavar="SECONDS",
        help="How long a statement waits for a lock before its batch is rolled back (default: "
        "0.5, less than deadlock_timeout, so that a deadlock never aborts a service's "
        "transaction).",
    )


def pace_of(options: Mapping[str, Any]) -> Pace:
    """The values of the options of `add_pace`."""
    seconds, share = options["pause"]
    return Pace(options["batch_size"], options["lock_timeout"], seconds, share)
