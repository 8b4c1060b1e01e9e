"""Runs manage.py in a separate process that need not import Django first.

A start of Python and Django takes 0.7 s of CPU time. `multiprocessing`'s fork server has imported
all modules that need no settings, so each of its children takes a third of that. A child reads its
settings from its environment, like any other process.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "csv",
        "django.contrib.admin",
        "django.contrib.auth.checks",
        "django.contrib.auth.hashers",
        "django.contrib.postgres.aggregates",
        "django.contrib.postgres.apps",
        "django.contrib.postgres.fields",
        "django.contrib.postgres.operations",
        "django.contrib.sessions.backends.db",
        "django.contrib.staticfiles.apps",
        "django.core.handlers.wsgi",
        "django.core.management.commands.migrate",
        "django.db.backends.postgresql.base",
        "django.template.defaulttags",
        "django.template.loader_tags",
        "django.urls",
        "django.views.debug",
        "dotenv",
        "psycopg",
        "pygments.formatters.html",
        "pygments.lexers",
        "segno",
        "tomllib",
    ]
)

#: In seconds.
LONGEST = 120


def run(
    program: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    longest: float = LONGEST,
) -> subprocess.CompletedProcess[str]:
    """Run a Python program with this complete environment; return the same as `subprocess.run`."""
    with started(program, arguments, environment) as process:
        return process.result(longest)


@contextmanager
def started(
    program: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> Iterator["Started"]:
    """Start it, and continue; at the end it is killed if it still runs."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = _processes.Process(
            target=_child, args=(program, arguments, environment, out.name, err.name)
        )
        process.start()
        try:
            yield Started([str(program), *arguments], process, (out, err))
        finally:
            process.kill()
            process.join()


class Started:
    """A running program."""

    def __init__(self, arguments: list[str], process: Any, streams: tuple[Any, Any]) -> None:
        self.arguments, self.process, self.streams = arguments, process, streams

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def result(self, longest: float = LONGEST) -> subprocess.CompletedProcess[str]:
        """Its result after its end, which is waited for at most this many seconds."""
        self.process.join(longest)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.arguments, longest)
        texts = (stream.read().decode() for stream in self.streams)
        return subprocess.CompletedProcess(self.arguments, self.process.exitcode, *texts)


def _child(
    program: Path, arguments: tuple[str, ...], environment: dict[str, str], out: str, err: str
) -> None:
    for descriptor, name in ((1, out), (2, err)):
        target = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(target, descriptor)
        os.close(target)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(program.parent)
    sys.argv = [str(program), *arguments]
    sys.path.insert(0, str(program.parent))
    runpy.run_path(str(program), run_name="__main__")
