"""Reads and writes of plays on the database of DATABASE_URL as it is: on one server, or spread.

To compare, run it before `manage.py distribute`, after it, and after it with other `--shards`. It
changes nothing: what it writes is rolled back. Rates depend on the machine; compare them in pairs.
"""

import os
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg

from veza_core.db.distribution import read_distribution

SECONDS = 4.0
USERS = "SELECT DISTINCT user_id FROM track_plays WHERE user_id IS NOT NULL LIMIT 500"
TRACKS = "SELECT DISTINCT track_id FROM track_plays LIMIT 500"
#: As schema/queries/listening.sql has it.
OF_USER = """
SELECT track_plays.created_at, tracks.id, tracks.title, tracks.artist
FROM track_plays JOIN tracks ON tracks.id = track_plays.track_id
WHERE track_plays.user_id = %s ORDER BY track_plays.created_at DESC LIMIT 50
"""
#: The plays first, then the tracks of these alone.
OF_USER_FIRST = """
WITH newest AS MATERIALIZED (
    SELECT created_at, track_id FROM track_plays
    WHERE user_id = %s ORDER BY created_at DESC LIMIT 50
)
SELECT newest.created_at, tracks.id, tracks.title, tracks.artist
FROM newest JOIN tracks ON tracks.id = newest.track_id ORDER BY newest.created_at DESC
"""
OF_TRACK = """
SELECT created_at, user_id FROM track_plays
WHERE track_id = %s ORDER BY created_at DESC LIMIT 50
"""
PLAY = "INSERT INTO track_plays (track_id, user_id) VALUES (%s, %s)"
COPY = "COPY track_plays (track_id, user_id) FROM STDIN"
COPIED = 20_000


def rate(run: Callable[[], Any]) -> float:
    """Calls a second, after a first one that fills caches."""
    run()
    started, calls = time.monotonic(), 0
    while (seconds := time.monotonic() - started) < SECONDS:
        run()
        calls += 1
    return calls / seconds


def main() -> None:
    """Print the rates."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as session:
        session.execute("SET search_path = public, django")
        found = read_distribution(lambda query: session.execute(query.encode()).fetchall())
        if found and "track_plays" in found.spread:
            copied = ", users and tracks copied" if found.copied else ""
            print(f"{found.shards['track_plays']} shards on {found.nodes} nodes{copied}")
        else:
            print("one server")
        users = [row[0] for row in session.execute(USERS)]
        tracks = [row[0] for row in session.execute(TRACKS)]

        def read(query: str, keys: list[Any]) -> Callable[[], Any]:
            return lambda: session.execute(query.encode(), [random.choice(keys)]).fetchall()  # noqa: S311

        def copy() -> None:
            with session.cursor().copy(COPY) as rows:
                for _ in range(COPIED):
                    rows.write_row([random.choice(tracks), random.choice(users)])  # noqa: S311
            session.rollback()
            session.execute("SET search_path = public, django")

        print(f"  newest plays of a user, a second: {rate(read(OF_USER, users)):,.0f}")
        print(f"  the same, plays first: {rate(read(OF_USER_FIRST, users)):,.0f}")
        print(f"  newest plays of a track: {rate(read(OF_TRACK, tracks)):,.0f}")
        session.commit()
        session.autocommit = True
        with session.transaction(force_rollback=True):
            play = rate(lambda: session.execute(PLAY, [tracks[0], users[0]]))
        print(f"  plays inserted one by one: {play:,.0f}")
        session.autocommit = False
        session.execute("SET search_path = public, django")
        print(f"  plays by COPY: {COPIED * rate(copy):,.0f}")


if __name__ == "__main__":
    main()
