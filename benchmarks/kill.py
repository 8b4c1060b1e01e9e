"""Sends SIGKILL to `migrate`, its backend or the whole server, and checks what the next run does.

Run it with `make bench-kill`. Each trial kills a fresh run, at the end of a migration or at a
random moment, runs a plain `migrate`, and compares the catalog with that of an undisturbed run. It
uses its own server, in a temporary directory, and a new database for each trial.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.server import PYTHON, ROOT

MANAGE = [PYTHON, "-u", str(ROOT / "manage.py")]
ATTEMPTS = 20


def main() -> None:
    """Run the trials, and print the outcomes of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    chance = random.Random(arguments.seed)  # noqa: S311 - moments, not secrets
    outcomes: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        Path(home).chmod(0o755)
        server = Path(home) / "postgres"
        undisturbed = subprocess.run(
            [*MANAGE, "migrate", "--json"],
            env=environment(server, "undisturbed"),
            check=True,
            capture_output=True,
        )
        boundaries = len(json.loads(undisturbed.stdout)["applied"])
        expected = catalog(server, "undisturbed")
        for trial in range(arguments.trials):
            kind = ("command", "backend", "server")[trial % 3]
            # Every other trial kills at the end of a migration, each in turn.
            boundary = trial // 2 % boundaries + 1 if trial % 2 else None
            for attempt in range(ATTEMPTS):
                database = f"trial_{trial}_{attempt}"
                if killed(server, database, kind, boundary, chance):
                    break
                # The run ended before the signal. This close to its end, use a random moment.
                boundary = None
            else:
                sys.exit(f"trial {trial}: no run lived long enough to be killed")
            outcomes[kind, outcome(server, database, expected)] += 1
            # After each crash, the server synchronizes the files of all databases: keep none.
            drop(server, database)
            if sys.stderr.isatty():
                print(f"\r{trial + 1} of {arguments.trials}", end="", file=sys.stderr)
    print(f"{'killed':10} {'outcome':40} trials")
    for (kind, ending), count in sorted(outcomes.items()):
        print(f"{kind:10} {ending:40} {count:6}")
    if {ending for _, ending in outcomes} != {"finished, identical catalog"}:
        sys.exit(1)


def killed(
    server: Path, database: str, kind: str, boundary: int | None, chance: random.Random
) -> bool:
    """Start a run and kill it; return False if it ended before the signal."""
    with subprocess.Popen(
        [*MANAGE, "migrate"],
        env=environment(server, database),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        for _ in range(boundary or 1):
            run.stdout.readline()  # type: ignore[union-attr]
        if boundary is None:
            time.sleep(chance.uniform(0, 1.2))
        # The server may have stopped already, with the run that used it.
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            kill(kind, server, database, run.pid)
        run.communicate()
        return run.returncode != 0


def outcome(server: Path, database: str, expected: str) -> str:
    """Run `migrate` again, and return the outcome."""
    done = subprocess.run(
        [*MANAGE, "migrate"],
        env=environment(server, database),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()[-120:]}"
    same = catalog(server, database) == expected
    return "finished, identical catalog" if same else "different catalog"


def drop(home: Path, database: str) -> None:
    """Drop a trial's database."""
    code = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        f"connection.cursor().execute('DROP DATABASE {database}')"
    )
    run = [PYTHON, "-c", code]
    subprocess.run(run, env=environment(home, "undisturbed"), check=True)


def kill(kind: str, home: Path, database: str, command: int) -> None:
    """Send SIGKILL to the command, to its server process, or to the whole server."""
    server = psutil.Process(int((home / "postmaster.pid").read_text().split()[0]))
    if kind == "command":
        os.kill(command, signal.SIGKILL)
    elif kind == "backend":
        for process in server.children():
            # Its title: "postgres: <user> <database> …"
            if database in " ".join(process.cmdline()):
                process.kill()
    else:
        for process in [server, *server.children()]:
            process.kill()
        psutil.wait_procs([server])


def catalog(home: Path, database: str) -> str:
    """Return, as JSON, what the export reads of schema public, and the recorded migrations."""
    code = (
        "import django, json; django.setup()\n"
        "from django.db import connection\n"
        "from veza_core.schema.snapshot import read_snapshot\n"
        "connection.ensure_connection()\n"
        "recorded = connection.cursor().execute("
        "'SELECT app, name FROM django.django_migrations ORDER BY 1, 2').fetchall()\n"
        "print(json.dumps([read_snapshot(connection.connection), recorded], sort_keys=True))"
    )
    done = subprocess.run(
        [PYTHON, "-c", code],
        env=environment(home, database),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.dumps(json.loads(done.stdout))


def environment(home: Path, database: str) -> dict[str, str]:
    """Return the variables with which manage.py uses a separate embedded server."""
    return {
        **os.environ,
        "DEBUG": "1",
        "DATABASE_URL": "",
        "EMBEDDED_DIRECTORY": str(home),
        "EMBEDDED_DATABASE": database,
        "DJANGO_SETTINGS_MODULE": "veza_site.settings",
        "PYTHONPATH": str(ROOT),
    }


if __name__ == "__main__":
    main()
