"""Runs manage.py within the tests' process, with the same results as a process, but faster.

A start of Python and Django takes 0.5 s of CPU time, and the tests call manage.py many hundred
times. `manage.outcome` is called with the arguments, so its handling of errors is tested too. Tests
of a process itself (signals, environment, end) need a real one.
"""

import copy
import io
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import override_settings

import manage as manage_py
from veza_core.db.url import database_settings


@contextmanager
def default_database(name: str) -> Iterator[None]:
    """In the block, Django's default connection is connected to the database of that name.

    A URL is a database of another server. The previous default connection does not change, and
    stays in its transaction.
    """
    before = connections["default"]
    settings_dict = copy.deepcopy(before.settings_dict)
    if "://" in name:
        settings_dict.pop("EMBEDDED", None)
        settings_dict |= database_settings(name)
    else:
        settings_dict["NAME"] = name
    if "EMBEDDED" in settings_dict:
        settings_dict["EMBEDDED"]["database"] = name
    connections["default"] = type(before)(settings_dict, "default")
    # It caches ids of the other database.
    ContentType.objects.clear_cache()
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
        ContentType.objects.clear_cache()


def run(
    name: str,
    arguments: tuple[str, ...],
    *,
    debug: bool = True,
    output: io.TextIOWrapper | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run manage.py on the database with that name or URL; return the same as for a process.

    `output` is its standard output, instead of the result's.
    """
    kept, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "12")
    with (
        default_database(name),
        override_settings(DEBUG=debug),
        redirect_stdout(output or kept),
        redirect_stderr(errors),
        mock.patch.object(sys, "argv", ["manage.py", *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO()),
        # This is done already; a second call would give the loggers these streams permanently.
        mock.patch("django.setup"),
    ):
        code = _exit_code(errors)
    return subprocess.CompletedProcess(
        ["manage.py", *arguments], code, stdout=_text(kept), stderr=_text(errors)
    )


def _exit_code(errors: Any) -> int:
    """Call `manage.outcome`; return the exit status that Python would make of its result."""
    try:
        code = manage_py.outcome()
    except Exception:
        traceback.print_exc(file=errors)
        return 1
    if isinstance(code, str):
        print(code, file=errors)
        return 1
    return code or 0


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
