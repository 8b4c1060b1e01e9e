"""Chooses the server that a request reads from: the primary, or a replica that is recent enough."""

import random
import time
from contextvars import ContextVar
from math import inf

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection

from .lag import read_primary
from .replica import SUSPECT_AFTER, Replica, replicas

#: In the session: the WAL position after the last request of its owner that may have written, and
#: its time.
WRITTEN = "written"
#: The largest difference between the clocks of two machines, in seconds.
MARGIN_SECONDS = 60

#: The alias of this request's replica.
current: ContextVar[str | None] = ContextVar("replica", default=None)


def primary_alias() -> str:
    """The primary, with a role that cannot read secrets, if there is one."""
    return "support" if "support" in settings.DATABASES else "default"


def read_alias() -> str:
    """The database that pages are read from."""
    return current.get() or primary_alias()


def choose(session: SessionBase) -> tuple[Replica, float] | None:
    """Return a replica that this thread is now connected to, and the seconds that it is behind.

    None: read from the primary. A page waits for at most one address that does not answer.
    """
    primary = read_primary(connection)
    if primary is None:
        return None
    began, needed = time.monotonic(), _needed(session)
    for each in random.sample(known := replicas(), len(known)):
        if each.why:
            each.look_later(primary)
        elif time.monotonic() - began <= SUSPECT_AFTER and (found := each.open(primary)):
            position, behind = found
            if position >= needed:
                return each, behind
    return None


def note_write(session: SessionBase) -> None:
    """Record that this session's owner may have written up to now."""
    primary = read_primary(connection)
    if primary is not None:
        session[WRITTEN] = [primary.position, int(time.time())]


def _needed(session: SessionBase) -> float:
    """The position that a replica must have reached for this session.

    No replica in use is further behind than REPLICA_MAX_LAG. So older writes need no check, on
    whichever server the position was.
    """
    try:
        position, at = session.get(WRITTEN, (0, 0))
        ago = time.time() - at
    except (TypeError, ValueError):
        return inf
    return position if ago <= settings.REPLICA_MAX_LAG + MARGIN_SECONDS else 0
