"""`make bench-audit`: the time of an audit by the number of tables, and compared with schemalint.

It creates databases on the server of DATABASE_URL, or on the embedded one, and drops them. The
largest takes minutes. The exit status is 1 if a claim is not true.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
import benchmarks  # noqa: E402, F401 - it reads `.env`

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")

SIZES = (28, 1_000, 10_000)
REPEATS = 3

#: Claims: the maximum CPU time of this process, in seconds, and how many times as long a table of
#: the largest database may take as one of the middle database.
OWN_SECONDS = 5.0
GROWTH = 1.5


def main() -> int:
    """Measure and print; return the exit status."""
    from benchmarks.audit.schemalint import Schemalint

    server, failures = _server(), []
    with Schemalint() as other:
        try:
            print(f"schemalint {other.install()}: its only run, and the best of {REPEATS} of ours")
        except RuntimeError as error:
            print(f"not compared: {error}")
            other = None
        print(f"{'tables':>7} {'audit':>9} {'CPU':>10} {'a table':>9}"
              f"   {'same rules':>10} {'schemalint':>11} {'ratio':>7}")  # fmt: skip
        *_, middle, largest = [_measure(server, size, other, failures) for size in SIZES]
    growth = largest / middle
    print(f"a table takes {growth:.2f} times as long among {SIZES[-1]} as among {SIZES[-2]}")
    if growth > GROWTH:
        failures.append(f"the time of a table grows by {growth:.2f}, more than {GROWTH}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def _measure(server: str, size: int, other: Any, failures: list[str]) -> float:
    """Print the line for a database with this many tables; return the seconds for one table."""
    from benchmarks.audit.databases import database

    with database(server, size) as name:
        url = make_conninfo(server, dbname=name)
        wall, own = min(_audit(url) for _ in range(REPEATS))
        line = f"{size:>7} {wall:>8.3f}s {own:>9.3f}s {wall / size * 1000:>7.3f}ms"
        print(line + (_compare(url, other, failures) if other else ""), flush=True)
    if own > OWN_SECONDS:
        failures.append(f"{own:.1f} s of CPU time for {size} tables, more than {OWN_SECONDS}")
    return wall / size


def _server() -> str:
    """Return the connection string of the server."""
    import django

    django.setup()
    from django.db import connection

    parameters: dict[str, Any] = connection.get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    return make_conninfo("", **{key: parameters[key] for key in keys if parameters.get(key)})


def _audit(url: str) -> tuple[float, float]:
    """Run all rules in this process; return the seconds, and the CPU seconds of this process."""
    from veza_core.schema.audit.engine import audit
    from veza_core.schema.audit.rules import CATALOG_RULES

    with psycopg.connect(url) as connection:
        start, work = time.perf_counter(), time.process_time()
        audit(connection, ["public"], CATALOG_RULES)
        return time.perf_counter() - start, time.process_time() - work


def _compare(url: str, other: Any, failures: list[str]) -> str:
    """Compare the commands as a user types them, with the start of the interpreters.

    Returns the end of the line.
    """
    from benchmarks.audit.schemalint import RULES

    ours, found = min(_command(url, [rule for rules in RULES.values() for rule in rules])
                      for _ in range(REPEATS))  # fmt: skip
    parts = conninfo_to_dict(url)
    parts["database"] = parts.pop("dbname")
    seconds, its, _ = other.run(parts)
    line = f"   {ours:>9.2f}s {seconds:>10.2f}s {seconds / ours:>6.1f}x"
    if isinstance(its, str):
        return f"{line}  findings {found} / none: {its}"
    if seconds <= ours:
        failures.append("schemalint is faster")
    if its != found:
        failures.append(f"schemalint has {its} findings and not {found}")
    return f"{line}  findings {found} / {its}"


def _command(url: str, rules: list[str]) -> tuple[float, int]:
    """Run the command; return seconds and findings."""
    parts = "&".join(f"{key}={value}" for key, value in conninfo_to_dict(url).items())
    arguments = [part for rule in rules for part in ("--rule", rule)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "audit_schema", "--format", "json",
         "--url", f"postgresql:///?{parts}", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.strip())
    return seconds, len(json.loads(done.stdout)["findings"])


if __name__ == "__main__":
    sys.exit(main())
