"""Services that run the hot statements of schema/queries while somebody migrates."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.queries.statements import sql

#: The errors that the guide names: the statement is prepared again and repeated.
CACHED_PLAN = "0A000"
#: How long a client waits for a lock: ten times as long as `migrate` does.
PATIENCE = "10s"

type Change = Callable[[str], str]

#: The rows that they need.
TRACKS = 600
ROWS = f"""
INSERT INTO users (email, username) SELECT n || '@x.co', 'user' || n FROM generate_series(1, 20) n;
INSERT INTO tracks (user_id, title, slug, album, genre, file_path, status)
SELECT (SELECT id FROM users WHERE username = 'user' || (1 + n % 20)), 'Title ' || n, 'slug' || n,
    'album', 'jazz', '/', 'ready' FROM generate_series(1, {TRACKS}) n;
INSERT INTO track_shares (track_id, user_id, token_hash, permission)
SELECT id, user_id, md5(slug), 'stream' FROM tracks LIMIT 3;
"""
#: What must be true at the end: counters match the rows, and both columns have the same values.
WRONG = {
    "like_count": "SELECT count(*) FROM tracks WHERE like_count <> "
    "(SELECT count(*) FROM track_likes WHERE track_id = tracks.id AND deleted_at IS NULL)",
    "play_count": "SELECT count(*) FROM tracks WHERE slug = 'slug1' AND play_count <> "
    "(SELECT count(*) FROM track_plays WHERE track_id = tracks.id)",
}
NOT_COPIED = """
SELECT count(*) FROM tracks
WHERE record IS DISTINCT FROM album OR year IS DISTINCT FROM release_year
"""
INVALID = """
SELECT (SELECT count(*) FROM pg_index WHERE NOT indisvalid)
    + (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)
"""

#: What the services of 1.0 also write: columns and values that later releases remove.
WRITES: list[tuple[str, tuple[Any, ...]]] = [
    ("UPDATE tracks SET release_year = $1 WHERE slug = 'slug1'", (1999,)),
    ("UPDATE tracks SET release_year = $1 WHERE slug = 'slug1'", (None,)),
    ("UPDATE tracks SET album = $1 WHERE slug = 'slug1'", (None,)),
    ("UPDATE tracks SET status = 'failed' WHERE slug = 'slug2'", ()),
    # In one order, so that two services never wait for each other.
    (
        "UPDATE track_shares SET permission = 'download' "
        "WHERE id IN (SELECT id FROM track_shares ORDER BY id FOR UPDATE)",
        (),
    ),
]


def first(text: str) -> str:
    """The statements of the services of 1.0."""
    return text


def old(text: str) -> str:
    """Those of 1.1, which no longer write the values that 1.2 retires."""
    return text.replace("'failed'", "'ready'").replace("'download'", "'stream'")


def new(text: str) -> str:
    """Those of 1.2 and 1.3."""
    for before, after in (("album", "record"), ("release_year", "year")):
        text = re.sub(rf"(tracks\.|SET ){before}\b", rf"\1{after}", text)
    return old(text)


def statements(track: Any, user: Any, change: Change) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements of one user's visit, with their parameters."""
    calls = {
        "TrackBySlug": ("slug1",),
        "NewestTracks": (),
        "TracksOfUser": (user,),
        "CountPlay": (track,),
        "RecordPlays": ([track], [user], 1000),
        "LikeTrack": (user, track),
        "UnlikeTrack": (user, track),
    }
    texts = [*((sql(name), parameters) for name, parameters in calls.items()), *WRITES]
    return [
        (re.sub(r"\$(\d+)", r"%(p\1)s", change(text).replace("%", "%%")), parameters)
        for text, parameters in texts
    ]


class Clients:
    """Threads, each with its own session; `errors` are those that the guide does not name."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.done: Counter[str] = Counter()
        self.prepared_again = 0
        self._stop = threading.Event()

    @contextmanager
    def running(self, *sessions: tuple[str, dict[str, Any], Change]) -> Iterator[None]:
        """Run them in the block: for each, a name, the connection's parameters, and the release."""
        threads = [threading.Thread(target=self._run, args=each) for each in sessions]
        for thread in threads:
            thread.start()
        try:
            yield
            self._wait_for_all({name for name, _, _ in sessions})
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _wait_for_all(self, names: set[str]) -> None:
        """Wait until each has run again."""
        before = Counter(self.done)
        pause = threading.Event()
        for _ in range(600):
            if self.errors or all(self.done[name] > before[name] for name in names):
                return
            pause.wait(0.1)
        raise AssertionError(f"not all of them ran: {self.done}")

    def _run(self, name: str, parameters: dict[str, Any], change: Change) -> None:
        try:
            with psycopg.connect(**parameters, autocommit=True) as session:
                # As a statement, because a pooler accepts no options.
                keys = self._keys(session)
                while not self._stop.is_set():
                    for text, values in statements(*keys, change):
                        self._execute(session, text, values)
                    self.done[name] += 1
        except psycopg.Error as error:
            self.errors.append(f"{name}: {error.sqlstate}: {error}")

    @staticmethod
    def _keys(session: Any) -> tuple[Any, Any]:
        query = "SELECT id, user_id FROM tracks WHERE slug = 'slug1'"
        found: tuple[Any, Any] = session.execute(query).fetchone()
        return found

    def _execute(self, session: Any, text: str, values: tuple[Any, ...]) -> None:
        named = {f"p{number}": value for number, value in enumerate(values, 1)}
        try:
            session.execute(text, named)
        except psycopg.errors.FeatureNotSupported:
            self.prepared_again += 1
            session.execute("DEALLOCATE ALL")
            session.prepare_threshold = session.prepare_threshold
            session.execute(text, named, prepare=False)
