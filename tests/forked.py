"""Runs manage.py in a separate process that need not import Django first.

A start of Python and Django takes 0.7 s of CPU time. `multiprocessing`'s fork server has imported
all modules that need no settings, so each of its children takes a third of that. A child reads its
settings from its environment, like any other process.
"""

import atexit
import io
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

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


@contextmanager
def piped(
    program: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> Iterator["Piped"]:
    """Start it with a pipe for each stream, and continue; at the end it is killed."""
    with ExitStack() as ends:
        pairs = [os.pipe() for _ in range(3)]
        (for_input, own), *outputs = pairs
        streams = [ends.enter_context(open(own, "w"))]  # noqa: PTH123 - a descriptor
        streams += [ends.enter_context(open(read)) for read, _ in outputs]  # noqa: PTH123
        theirs = [Connection(for_input, writable=False)]
        theirs += [Connection(write, readable=False) for _, write in outputs]
        process = _processes.Process(
            target=_piped_child, args=(program, arguments, environment, theirs)
        )
        process.start()
        for each in theirs:
            each.close()
        try:
            yield Piped([str(program), *arguments], process, *streams)
        finally:
            process.kill()
            process.join()
            # Nobody reads what was written to it.
            with suppress(BrokenPipeError):
                streams[0].close()


class Piped:
    """A running program whose streams are pipes, with the methods of `subprocess.Popen`."""

    def __init__(
        self, arguments: list[str], process: Any, stdin: TextIO, stdout: TextIO, stderr: TextIO
    ) -> None:
        self.args, self.process, self.pid = arguments, process, process.pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr

    @property
    def returncode(self) -> int | None:
        code: int | None = self.process.exitcode
        return code

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def communicate(self, text: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Give it this input; return its outputs after its end."""
        with ThreadPoolExecutor(2) as readers:
            out, err = (readers.submit(stream.read) for stream in (self.stdout, self.stderr))
            try:
                with suppress(BrokenPipeError), self.stdin:
                    self.stdin.write(text)
                self.wait(timeout)
            except BaseException:
                # The readers would wait for it.
                self.kill()
                raise
            return out.result(), err.result()


def _piped_child(
    program: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    streams: list[Connection],
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    # As with `python -u`: a line can be read as soon as it is written.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
        for number in (1, 2)
    )
    _run(program, arguments, environment)


def _child(
    program: Path, arguments: tuple[str, ...], environment: dict[str, str], out: str, err: str
) -> None:
    for descriptor, name in ((1, out), (2, err)):
        target = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(target, descriptor)
        os.close(target)
    _run(program, arguments, environment)


def _run(program: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(program.parent)
    sys.argv = [str(program), *arguments]
    sys.path.insert(0, str(program.parent))
    try:
        runpy.run_path(str(program), run_name="__main__")
    finally:
        # In a process of multiprocessing, Python calls these functions only from 3.13 on.
        if sys.version_info < (3, 13):
            atexit._run_exitfuncs()
