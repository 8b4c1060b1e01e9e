"""manage.py within the process of the tests: what a process would answer, without its start.

A start of Python and Django takes 0.5 s of a processor's time, and the tests call manage.py many
hundred times. `manage.outcome` is called with the arguments, so its own treatment of errors is
tested too. Whatever concerns a process (signals, its environment, its ends) needs a real one.
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
    """Within the block, Django's default connection is one to the database of that name.

    A URL is a database of another server. The connection that was the default before stays as it
    is, in its transaction.
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
    # It remembers ids of the other database.
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
    """Run manage.py on the database of that name, or URL; give what a process would.

    `output` is its standard output, in place of one that the result tells.
    """
    kept, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "12")
    with (
        default_database(name),
        override_settings(DEBUG=debug),
        redirect_stdout(output or kept),
        redirect_stderr(errors),
        mock.patch.object(sys, "argv", ["manage.py", *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO()),
        # Done already; a second time it would give the loggers these streams for good.
        mock.patch("django.setup"),
    ):
        code = _exit_code(errors)
    return subprocess.CompletedProcess(
        ["manage.py", *arguments], code, stdout=_text(kept), stderr=_text(errors)
    )


def _exit_code(errors: Any) -> int:
    """Call `manage.outcome`; the exit status, as Python makes it of what comes out."""
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
