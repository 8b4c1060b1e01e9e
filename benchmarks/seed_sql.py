"""Compares `INSERT … SELECT … FROM generate_series` with `seed_demo`'s COPY, for two tables.

    python -m benchmarks.seed_sql --rounds 5

Both ways fill `track_plays`, and then `users`, in the same databases, with two sessions, chunks of
the same size, the same skews of choice and time, and a seed. They run in turn. The SQL does less:
its tables of numbered users and tracks are created before the measurement. It leaves out soft
deletions, and does not check that a play begins after its listener signed up.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django

from benchmarks.server import Server

USERS, TRACKS, PLAYS = 20_000, 20_000, 200_000
SIZES = {
    "users": USERS, "tracks": TRACKS, "playlists": 10, "plays": PLAYS, "likes": 0, "comments": 0
}  # fmt: skip
EMPTY, FULL, TARGET = (f"bench_seed_sql_{name}" for name in ("empty", "full", "target"))

#: A random fraction (from 0 to 1) for row `n`, by the built-in hash function, which is fast.
DRAW = "(hashint8extended(n, {}) & 1073741823) / 1073741824::float8"


def pick(values: str, fraction: str) -> str:
    """Return SQL that chooses one of an array's values by a fraction."""
    array = f"(%({values})s::text[])"
    return f"{array}[1 + floor({fraction} * array_length({array}, 1))::int]"


NUMBERED = """
CREATE UNLOGGED TABLE numbered_users AS
    SELECT id, created_at, row_number() OVER (ORDER BY created_at) - 1 AS n FROM users;
CREATE UNLOGGED TABLE numbered_tracks AS
    SELECT id, created_at, coalesce(duration_ms, 60000) AS duration,
           row_number() OVER (ORDER BY hashtextextended(id::text, 1)) - 1 AS n FROM tracks;
CREATE UNIQUE INDEX ON numbered_users (n); CREATE UNIQUE INDEX ON numbered_tracks (n);
VACUUM ANALYZE numbered_users, numbered_tracks;
"""
SQL = {
    "track_plays": f"""
WITH drawn AS (
    SELECT n, {DRAW.format(1)} AS track, {DRAW.format(2)} AS listener, {DRAW.format(3)} AS heard,
           {DRAW.format(4)} AS unknown, {DRAW.format(5)} AS source, {DRAW.format(6)} AS device,
           {DRAW.format(7)} AS address, {DRAW.format(8)} AS country
    FROM generate_series(%(first)s, %(last)s) AS n
), play AS (
    SELECT drawn.*, t.id AS track_id, u.id AS user_id, t.duration,
           least(floor(t.duration * heard * 2)::int, t.duration) AS ms,
           t.created_at + (timestamptz '2026-05-31 23:50Z' - t.created_at)
               * (1 - (1 - drawn.n / {PLAYS}::float8) ^ 2) AS started
    FROM drawn
    JOIN numbered_tracks t ON t.n = floor(track ^ 4 * {TRACKS})::int
    JOIN numbered_users u ON u.n = floor(listener ^ 3 * {USERS})::int
)
INSERT INTO track_plays (id, track_id, user_id, started_at, duration_ms, is_complete, source,
                         device, ip_address, country_code, created_at, updated_at)
SELECT md5('1 track_plays ' || n)::uuid, track_id, CASE WHEN unknown > 0.14 THEN user_id END,
       started, ms, ms = duration,
       CASE WHEN source <= 0.95 THEN {pick("sources", "(source / 0.951) ^ 2")} END,
       CASE WHEN device <= 0.97 THEN {pick("devices", "device / 0.971")} END,
       CASE WHEN address > 0.95 THEN NULL
            WHEN address > 0.83 THEN inet '2001:db8::' + floor(address * 1e15)::bigint
            ELSE inet '10.0.0.0' + floor(address / 0.83 * 16777215)::bigint END,
       CASE WHEN country <= 0.95
            THEN {pick("countries", "(country / 0.951) ^ 2")} END,
       started + ms * interval '1 ms', started + ms * interval '1 ms'
FROM play""",
    "users": f"""
WITH drawn AS (
    SELECT n, {DRAW.format(1)} AS given, {DRAW.format(2)} AS family, {DRAW.format(3)} AS mood,
           {DRAW.format(4)} AS thing, {DRAW.format(5)} AS slug, {DRAW.format(6)} AS hash,
           {DRAW.format(7)} AS premium, {DRAW.format(8)} AS failed, {DRAW.format(9)} AS login,
           timestamptz '2026-06-01' - interval '1095 days'
               * (1 - (n + {DRAW.format(10)}) / {USERS}) ^ 2 AS start
    FROM generate_series(%(first)s, %(last)s) AS n
), named AS (
    SELECT drawn.*, {pick("moods", "mood")}
           || {pick("things", "thing")} || n AS name,
           CASE WHEN login < 0.97 THEN timestamptz '2026-06-01'
                - least(timestamptz '2026-06-01' - start, interval '40 days') * login END AS last
    FROM drawn
)
INSERT INTO users (id, email, username, slug, password_hash, role, is_active, is_verified,
                   is_banned, token_version, failed_login_count, locked_until, last_login_at,
                   created_at, updated_at)
SELECT md5('1 users ' || n)::uuid,
       {pick("given", "given")}
           || {pick("family", "family")} || n
           || '@example.com',
       name, CASE WHEN slug > 0.1 THEN name END,
       CASE WHEN n %% 10 <> 6 THEN {pick("hashes", "hash")} END,
       CASE WHEN premium < 0.12 THEN 'premium' ELSE 'user' END::user_role,
       n %% 100 <> 19, n %% 20 <> 3, n %% 100 = 7, floor(failed * 5)::int,
       CASE WHEN n %% 100 = 31 THEN 7 WHEN failed < 0.03 THEN 2 ELSE 0 END,
       CASE WHEN n %% 100 = 31 THEN start + interval '3 days' END,
       last, start, coalesce(last, start)
FROM named""",
}


def arrays() -> dict[str, list[str]]:
    """Return seed_demo's words as arrays."""
    from veza_demo import words
    from veza_demo.binary import Choices
    from veza_demo.tables.accounts import password_hashes

    def listed(choices: Choices) -> list[str]:
        pairs = zip(choices.octets, choices.mask, strict=True)
        return [octets[mask].tobytes().decode() for octets, mask in pairs]

    chosen = {
        "sources": words.SOURCES, "devices": words.DEVICES, "countries": words.COUNTRIES,
        "moods": words.MOOD, "things": words.THING, "given": words.GIVEN_ASCII,
        "family": words.FAMILY_ASCII, "hashes": password_hashes("1"),
    }  # fmt: skip
    return {name: listed(choices) for name, choices in chosen.items()}


def main() -> None:
    """Print, for both ways, the CPU time of client and server, and the rows per second of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    server = Server()
    with server.scratch(EMPTY, FULL, TARGET):
        prepare(server)
        for table, rows in (("track_plays", PLAYS), ("users", USERS)):
            ways = {"COPY, numpy": seed_demo, "INSERT … SELECT": insert_select}
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(1 + options.rounds):
                for way, run in ways.items():
                    server.recreate(TARGET, FULL if table == "track_plays" else EMPTY)
                    seconds[way].append(measured(run, table))
            for way, every in seconds.items():
                best, worst = min(every[1:]), max(every[1:])  # the first round warms up
                median = statistics.median(every[1:])
                print(
                    f"{table:11} {way:16} {median:6.2f} s of CPU ({best:.2f} to {worst:.2f})"
                    f" {rows / median:10,.0f} rows per s of it"
                )


def prepare(server: Server) -> None:
    """Create an empty V1 database, and one without plays, but with numbered users and tracks."""
    from django.core.management import call_command
    from django.db import connection

    use(EMPTY)
    call_command("migrate", audit=False, verbosity=0)
    connection.close()
    server.recreate(FULL, EMPTY)
    use(FULL)
    call_command("seed_demo", "--now=2026-06-01", verbosity=0, **SIZES)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE track_plays")
        for statement in NUMBERED.split(";")[:-1]:
            cursor.execute(statement)
    connection.close()


def use(database: str) -> None:
    """Close Django's connection; the next one is to this database."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = database


def measured(run: Callable[[str], None], table: str) -> float:
    """Return the CPU seconds of client and server; the server's are those of its ended sessions."""
    from django.db import connection

    use(TARGET)
    connection.ensure_connection()
    stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
    postmaster = int(stat.rpartition(")")[2].split()[1])

    def cpu() -> float:
        # user and system time of ended children: fields 16 and 17 (proc_pid_stat(5)).
        connection.close()
        time.sleep(0.5)
        fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
        server = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
        own = resource.getrusage(resource.RUSAGE_SELF)
        return server + own.ru_utime + own.ru_stime

    before = cpu()
    run(table)
    return cpu() - before


def seed_demo(table: str) -> None:
    """Load the table in the same way as seed_demo."""
    from datetime import UTC, datetime

    from django.db import connection

    from veza_demo.counts import Counts
    from veza_demo.load import all_chunks, load, system_roles
    from veza_demo.world import World

    counts = Counts(**SIZES)
    world = World(1, datetime(2026, 6, 1, tzinfo=UTC), counts, system_roles(connection))
    load(connection, world, {table: all_chunks(world)[table]}, lambda *_: None)


def insert_select(table: str) -> None:
    """Load the table by SQL only."""
    from django.db import connection

    from veza_demo.load import CHUNK, WORKERS

    rows, values = (PLAYS if table == "track_plays" else USERS), arrays()

    def insert(first: int) -> None:
        own = connection.copy()
        with own.cursor() as cursor:
            limits: dict[str, Any] = {"first": first, "last": min(first + CHUNK, rows) - 1}
            cursor.execute(SQL[table], limits | values)
        own.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(insert, range(0, rows, CHUNK)))
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {table}")


if __name__ == "__main__":
    main()
