"""What this process knows about each replica, and when it stops and starts to use one.

If a replica fails, all threads stop using it at once. A separate thread then checks it from time to
time, so that no page waits for an address without an answer.
"""

import logging
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .lag import LeftError, Primary, read_replica

#: Seconds for which one thread may try to connect. After that, the others treat the replica as
#: failed.
SUSPECT_AFTER = 0.1
#: Seconds between two checks of a failed replica.
LOOK_EVERY = 2.0

UNREACHABLE, CONFLICT, TOO_FAR = "unreachable", "recovery conflict", "too far behind"
SIGN_IN_REFUSED = "the role cannot sign in"
#: The reasons for SQLSTATE classes, and for single SQLSTATEs.
REASONS = {
    "28": SIGN_IN_REFUSED,
    "3D": "there is no such database",
    "40": CONFLICT,
    "42": "the role cannot read it",
    "53": "it has no connection, memory or disk space left",
    "57014": CONFLICT,
    "57P03": "it does not accept connections",
}

logger = logging.getLogger(__name__)


def reason(error: Exception) -> str:
    """Why a replica failed, in our own words, because an error's text may name hosts."""
    if isinstance(error, LeftError):
        return str(error)
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    state = str(getattr(cause, "sqlstate", None) or "")
    if not state and isinstance(cause, psycopg.Error) and _needs_password(cause):
        return SIGN_IN_REFUSED
    return REASONS.get(state) or REASONS.get(state[:2]) or UNREACHABLE


def _needs_password(error: psycopg.Error) -> bool:
    """Whether the server answered, but refused the sign-in: libpq gives no SQLSTATE then."""
    return error.pgconn is not None and bool(error.pgconn.used_password)


class Replica:
    """One replica, by its alias in DATABASES."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        #: Why it is not used; empty if it is.
        self.why = ""
        #: Seconds behind, at the last check; None before the first one.
        self.behind: float | None = None
        self._lock = threading.Lock()
        self._trying: dict[int, float] = {}
        self._looks = False
        self._looked_at = float("-inf")

    def open(self, primary: Primary) -> tuple[int, float] | None:
        """Connect this thread to it. Return its WAL position, and the seconds that it is behind.

        None: it is not used, and nothing is connected. It takes at most a second.
        """
        own = threading.get_ident()
        with self._lock:
            now = time.monotonic()
            if self.why or any(now - since > SUSPECT_AFTER for since in self._trying.values()):
                return None
            self._trying[own] = now
        try:
            return self.look(connections[self.alias], primary)
        finally:
            with self._lock:
                del self._trying[own]

    def look(self, connection: BaseDatabaseWrapper, primary: Primary) -> tuple[int, float] | None:
        """Check it over this connection, and stop or start using it by the result."""
        try:
            position, behind = read_replica(connection, primary)
            self.behind = behind
            if behind > settings.REPLICA_MAX_LAG:
                raise LeftError(TOO_FAR)
        except (DatabaseError, InterfaceError, LeftError) as error:
            self.leave(error, connection)
            return None
        self._say("")
        return position, behind

    def leave(self, error: Exception, connection: BaseDatabaseWrapper) -> None:
        """Stop using it until a check succeeds; close the connection."""
        if not isinstance(error, LeftError):
            self.behind = None
        self._say(reason(error))
        abandon(connection)

    def look_later(self, primary: Primary) -> None:
        """Check it in a separate thread, unless that was done a short time ago."""
        with self._lock:
            if self._looks or time.monotonic() - self._looked_at < LOOK_EVERY:
                return
            self._looks = True
        threading.Thread(target=self._look, args=(primary,), daemon=True).start()

    def look_alone(self, primary: Primary) -> None:
        """Check it over a separate connection."""
        connection: Any = connections.create_connection(self.alias)
        try:
            self.look(connection, primary)
        finally:
            abandon(connection)

    def _look(self, primary: Primary) -> None:
        try:
            self.look_alone(primary)
        finally:
            self._looked_at = time.monotonic()
            self._looks = False

    def _say(self, why: str) -> None:
        with self._lock:
            before, self.why = self.why, why
            self._looked_at = time.monotonic()
        if why and why != before:
            logger.warning("%s is not used, the admin reads from the primary: %s", self.alias, why)
        elif before and not why:
            logger.warning("%s is used again", self.alias)


def abandon(connection: BaseDatabaseWrapper) -> None:
    """Close a connection that may be broken, inside a transaction or not."""
    connection.in_atomic_block = connection.closed_in_transaction = False
    connection.needs_rollback = False
    connection.savepoint_ids = []
    connection.run_on_commit = []
    with suppress(DatabaseError, InterfaceError):
        connection.close()


@cache
def replica(alias: str) -> Replica:
    """The state of a replica in this process."""
    return Replica(alias)


def replicas() -> list[Replica]:
    """The replicas of the settings."""
    return [replica(alias) for alias in settings.REPLICAS]


def standing(primary: Primary | None) -> dict[str, str]:
    """Each replica's state in a word, as this process knows it. It does not wait."""
    for each in replicas():
        if primary is not None:
            each.look_later(primary)
    return {each.alias: each.why or ("not checked yet" if each.behind is None else "ok")
            for each in replicas()}  # fmt: skip
