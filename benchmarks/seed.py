"""Compares `seed_demo` with a plain COPY of the same rows, on one server, in one run.

Run it with `make bench-seed`. Each round runs all ways in turn, each in a new V1 database with all
indexes, foreign keys and triggers. COPY loads files that it has written from seed_demo's rows. The
aims: 100,000 rows a second, and 70 % of a plain COPY.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import django
import psycopg

from benchmarks.measure import Case, measure, report
from benchmarks.server import PYTHON, ROOT, Server

EMPTY, TARGET = "bench_seed_empty", "bench_seed"
MANAGE = [PYTHON, str(ROOT / "manage.py")]
#: Two sessions cannot load a table that refers to its own rows.
WHOLE = "track_comments"


class Counted(Case):
    """A case whose CPU seconds include the server's. Other load changes them less than the time.

    `postmaster` is the server's main process, to which the kernel adds the CPU time of ended
    sessions.
    """

    def __init__(self, *arguments: Any, postmaster: int) -> None:
        super().__init__(*arguments)
        self.postmaster = postmaster

    def cpu_seconds(self) -> float:
        time.sleep(0.3)  # until the last session has ended
        # user and system time of ended children: fields 16 and 17 (proc_pid_stat(5)).
        fields = Path(f"/proc/{self.postmaster}/stat").read_text().rpartition(")")[2].split()
        server = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
        return server + super().cpu_seconds()


def main() -> None:
    """Measure, and print the table, the two figures with an aim, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--plays", type=int, default=500_000)
    parser.add_argument("--memory-only", action="store_true", help="Load once, and print memory")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    counts = counts_of(options)
    sizes = [f"--{name}={number}" for name, number in counts.items()]
    seed = [*MANAGE, "seed_demo", "--now", "2026-06-01", *sizes]
    server = Server()
    with server.scratch(EMPTY, TARGET), tempfile.TemporaryDirectory() as directory:
        environment = server.environment(EMPTY)
        migrate = [*MANAGE, "migrate", "--no-audit", "--verbosity", "0"]
        subprocess.run(migrate, env=environment, check=True)
        server.recreate(TARGET, EMPTY)
        megabytes = peak_memory(seed, server.environment(TARGET))
        if not options.memory_only:
            compare(server, seed, Path(directory), options.rounds)
    print(f"seed_demo used {megabytes:.0f} MB at most")
    print(f"making the rows alone, in one thread: {rate_of_making(counts):,.0f} a second")


def counts_of(options: argparse.Namespace) -> dict[str, int]:
    """Return all counts; those that were not given keep the proportions of the scales."""
    return {
        "users": options.users,
        "tracks": options.tracks,
        "playlists": options.users // 2,
        "plays": options.plays,
        "likes": options.plays // 5,
        "comments": options.plays // 20,
    }


def rate_of_making(counts: dict[str, int]) -> float:
    """Return the rows in a second that seed_demo's code produces, without loading them."""
    from datetime import UTC, datetime
    from uuid import UUID

    from veza_demo.counts import choose_counts
    from veza_demo.load import all_chunks, chunk_as_binary, count_rows
    from veza_demo.world import World

    roles = [UUID(int=number) for number in range(3)]
    world = World(1, datetime(2026, 6, 1, tzinfo=UTC), choose_counts("small", **counts), roles)
    started = time.perf_counter()
    for table, chunks in all_chunks(world).items():
        for chunk in chunks:
            chunk_as_binary(world, table, chunk)
    return count_rows(all_chunks(world)) / (time.perf_counter() - started)


def peak_memory(command: list[str], environment: dict[str, str]) -> float:
    """Run the command; return the maximum memory of its process in megabytes."""
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)}: exit {process.returncode}")
    return usage.ru_maxrss / 1024


def compare(server: Server, seed: list[str], directory: Path, rounds: int) -> None:
    """Print how long each way takes to load the rows that the target has now."""
    from django.db import connection as of_django

    from veza_core.db import embedded
    from veza_demo.load import parents_first
    from veza_demo.tables import WRITERS

    of_django.close()
    of_django.settings_dict["NAME"] = TARGET
    tables = parents_first(of_django, {*WRITERS})
    of_django.close()
    with psycopg.connect(**server.parameters, dbname=TARGET) as connection:
        roles = role_names(connection)
        backend = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
        postmaster = int(backend.rpartition(")")[2].split()[1])
        rows = sum(copy_out(connection, table, directory) for table in tables)
    psql = f"{embedded.program('psql')} --no-psqlrc --quiet --set ON_ERROR_STOP=1"
    vacuum = f"{psql} -c 'VACUUM (ANALYZE) {', '.join(tables)}'\n"
    one, two = directory / "one.sh", directory / "two.sh"
    one.write_text("set -e\n" + "".join(copy_in(psql, directory, table) for table in tables))
    two.write_text("set -e\n" + "".join(copy_in_two(psql, directory, table) for table in tables))
    both = directory / "vacuum.sh"
    both.write_text(one.read_text() + vacuum)

    def prepare() -> None:
        server.recreate(TARGET, EMPTY)
        with psycopg.connect(**server.parameters, dbname=TARGET) as connection:
            if role_names(connection) != roles:
                raise SystemExit("the IDs of the roles differ: the files cannot be loaded")

    environment = server.environment(TARGET)
    cases = [
        Counted(name, command, environment, prepare, postmaster=postmaster)
        for name, command in (
            ("seed_demo, all of it", [*seed, "--verbosity", "0"]),
            ("plain COPY", ["bash", str(one)]),
            ("plain COPY, then VACUUM (ANALYZE)", ["bash", str(both)]),
            ("plain COPY in two sessions", ["bash", str(two)]),
        )
    ]
    measure(cases, rounds)
    ours, plain = cases[:2]
    print(f"\n{rows:,} rows in {len(tables)} tables, {rounds} rounds\n")
    report(cases, plain)
    print()
    for case in cases:
        seconds = statistics.median(case.cpu)
        print(f"{case.name}: {seconds:.1f} s of CPU, {rows / seconds:,.0f} rows per s of CPU")
    ratios = [b / a for a, b in zip(ours.seconds, plain.seconds, strict=True)]
    print(
        f"\nseed_demo: {rows / ours.median:,.0f} rows a second (aim: 100,000); "
        f"plain COPY: {rows / plain.median:,.0f}\n"
        f"rate compared with plain COPY: {plain.median / ours.median:.0%}, "
        f"{min(ratios):.0%} to {max(ratios):.0%} (aim: 70%)"
    )


def role_names(connection: psycopg.Connection[Any]) -> list[Any]:
    """Return the roles that the migrations inserted, with their ids."""
    return connection.execute("SELECT id, name FROM roles ORDER BY name").fetchall()


def copy_out(connection: psycopg.Connection[Any], table: str, directory: Path) -> int:
    """Write the table's rows to a file, and each half to one more; return the number of rows."""
    whole = directory / table
    with whole.open("wb") as file, connection.cursor() as cursor:
        with cursor.copy(f"COPY public.{table} TO STDOUT") as copy:
            for block in copy:
                file.write(block)
        rows = cursor.rowcount
    with whole.open("rb") as file:
        for half, lines in (("1", rows // 2), ("2", rows - rows // 2)):
            with (directory / f"{table}.{half}").open("wb") as part:
                part.writelines(file.readline() for _ in range(lines))
    return rows


def copy_in(psql: str, directory: Path, table: str, half: str = "") -> str:
    """Return the shell command that loads the file."""
    return f"{psql} -c '\\copy public.{table} FROM {directory / table}{half}'\n"


def copy_in_two(psql: str, directory: Path, table: str) -> str:
    """Return the shell commands that load the two halves at once."""
    if table == WHOLE:
        return copy_in(psql, directory, table)
    first, second = (copy_in(psql, directory, table, half).strip() for half in (".1", ".2"))
    return f"{first} &\n{second}\nwait $!\n"


if __name__ == "__main__":
    main()
