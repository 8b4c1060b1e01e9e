"""Measures reads and writes of plays in the database of DATABASE_URL, distributed or not.

Run it before and after `manage.py distribute`, also with other `--shards`, and compare the rates of
one machine. Its writes are rolled back.
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
#: The query in schema/queries/listening.sql.
OF_USER = """
SELECT track_plays.created_at, tracks.id, tracks.title, tracks.artist
FROM track_plays JOIN tracks ON tracks.id = track_plays.track_id
WHERE track_plays.user_id = %s ORDER BY track_plays.created_at DESC LIMIT 50
"""
#: First the plays, then only their tracks.
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
#: A table on the coordinator for the newest plays. A job would move them to the log.
RECENT = """
CREATE TABLE recent_plays (LIKE track_plays INCLUDING ALL);
ALTER TABLE recent_plays ADD FOREIGN KEY (track_id) REFERENCES tracks ON DELETE CASCADE,
    ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL
"""
RECENT_ROWS = 20_000
NEWEST = f"""
INSERT INTO recent_plays SELECT * FROM track_plays ORDER BY created_at DESC LIMIT {RECENT_ROWS}
"""
MOVE = """
WITH moved AS (DELETE FROM recent_plays RETURNING *)
INSERT INTO track_plays SELECT * FROM moved ON CONFLICT (id) DO NOTHING
"""


def rate(run: Callable[[], Any]) -> float:
    """Return the calls in a second, without the first call, which fills caches."""
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
        _recent(session)


def _recent(session: psycopg.Connection[Any]) -> None:
    """Print the rates of a separate table for the newest plays; all is rolled back."""
    for statement in RECENT.split(";"):
        session.execute(statement.encode())
    session.execute(NEWEST.encode())
    keys = session.execute(
        "SELECT user_id, track_id FROM recent_plays WHERE user_id IS NOT NULL LIMIT 500"
    ).fetchall()
    read = OF_USER.replace("track_plays", "recent_plays").encode()
    play = PLAY.replace("track_plays", "recent_plays").encode()
    reads = rate(lambda: session.execute(read, [random.choice(keys)[0]]).fetchall())  # noqa: S311
    print(f"  newest plays of a user, of a table of {RECENT_ROWS:,} next to it: {reads:,.0f}")
    plays = rate(lambda: session.execute(play, [keys[0][1], keys[0][0]]))
    print(f"  plays inserted there one by one: {plays:,.0f}")
    # Make them rows that the log does not have yet.
    session.execute("UPDATE recent_plays SET id = gen_random_uuid()")
    started = time.monotonic()
    moved = session.execute(MOVE.encode()).rowcount
    print(f"  plays moved from there: {moved / (time.monotonic() - started):,.0f}")
    session.rollback()


if __name__ == "__main__":
    main()
