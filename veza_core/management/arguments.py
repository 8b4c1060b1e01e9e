"""Types of arguments that several commands take."""

from argparse import ArgumentTypeError
from pathlib import Path


def some_text(text: str) -> str:
    """What was given. An empty one is a variable of a script that was not set, and no answer."""
    if not text.strip():
        raise ArgumentTypeError("it is given but empty")
    return text


def some_path(text: str) -> Path:
    """A path; an empty one would mean the working directory."""
    return Path(some_text(text))
