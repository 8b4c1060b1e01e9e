"""Types of arguments that several commands take."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from veza_core.operations.pace import Pace


def some_text(text: str) -> str:
    """What was given. An empty one is a variable of a script that was not set, and no answer."""
    if not text.strip():
        raise ArgumentTypeError("it is given but empty")
    return text


def some_path(text: str) -> Path:
    """A path; an empty one would mean the working directory."""
    return Path(some_text(text))


def a_batch_size(text: str) -> int:
    """Rows in a batch, 1 to 100,000."""
    if not re.fullmatch(r"[1-9]\d{0,4}|100000", text):
        raise ArgumentTypeError("a number of rows is needed, from 1 to 100000")
    return int(text)


def a_pause(text: str) -> tuple[float, float]:
    """`0.5`, in seconds, or `200%` of the time that a batch took: (seconds, share)."""
    match = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)(%?)", text)
    if not match:
        raise ArgumentTypeError("seconds are needed (0.5), or a share (100%)")
    number = float(match[1])
    return (0.0, number / 100) if match[2] else (number, 0.0)


def a_lock_timeout(text: str) -> float:
    """Seconds, 0.001 at least: PostgreSQL takes 0 for "no limit"."""
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text) or float(text) < 0.001:
        raise ArgumentTypeError("seconds are needed, 0.001 at least")
    return float(text)


def add_pace(parser: ArgumentParser, batch: str) -> None:
    """Add the options of a job that works in batches; `batch` says what one is."""
    parser.add_argument(
        "--batch-size",
        type=a_batch_size,
        default=1000,
        metavar="ROWS",
        help=f"{batch} (default: 1000).",
    )
    parser.add_argument(
        "--pause",
        type=a_pause,
        default="100%",
        metavar="PAUSE",
        help="Rest after each batch: seconds, such as 0.5, or a share of the time that the "
        "batch took, such as 300%% (default: 100%%, so half of the time is rest).",
    )
    parser.add_argument(
        "--lock-timeout",
        type=a_lock_timeout,
        default=0.5,
        metavar="SECONDS",
        help="How long a statement waits for a lock before its batch is rolled back "
        "(default: 0.5, less than deadlock_timeout: a service is never the victim).",
    )


def pace_of(options: Mapping[str, Any]) -> Pace:
    """What the options of `add_pace` say."""
    seconds, share = options["pause"]
    return Pace(options["batch_size"], options["lock_timeout"], seconds, share)
