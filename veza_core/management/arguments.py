"""Types of arguments that several commands take."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
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


def some_seconds(text: str) -> float:
    """A time, as a decimal number. `float` would also accept nan, inf and negative numbers."""
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        raise ArgumentTypeError("seconds are needed, such as 300 or 0.5")
    return float(text)


def a_lock_timeout(text: str) -> float:
    """Seconds, at least 0.001: PostgreSQL reads 0 as "no limit", which would stop traffic."""
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


def add_lock_timeout(parser: ArgumentParser, text: str, default: float | None = None) -> None:
    """Add `--lock-timeout` with this help. The default is that of migrations."""
    parser.add_argument(
        "--lock-timeout",
        type=a_lock_timeout,
        default=settings.MIGRATE_LOCK_TIMEOUT if default is None else default,
        metavar="SECONDS",
        help=text,
    )


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
    add_lock_timeout(
        parser,
        "How long a statement waits for a lock before its batch is rolled back (default: "
        "%(default)s, less than deadlock_timeout, so that a deadlock never aborts a service's "
        "transaction).",
        default=0.5,
    )


def pace_of(options: Mapping[str, Any]) -> Pace:
    """The values of the options of `add_pace`."""
    seconds, share = options["pause"]
    return Pace(options["batch_size"], options["lock_timeout"], seconds, share)
