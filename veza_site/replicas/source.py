"""From which server a request is read: the primary, or a replica that has what it has to show."""

import random
import time
from contextvars import ContextVar
from math import inf

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection

from .lag import read_primary
from .replica import SUSPECT_AFTER, Replica, replicas

#: In the session: the WAL's position after the last request of its owner that may have written, and
#: when that was.
WRITTEN = "written"
#: Seconds by which the clocks of two machines may differ.
MARGIN = 60

#: The alias of this request's replica.
current: ContextVar[str | None] = ContextVar("replica", default=None)


def primary_alias() -> str:
    """The primary, over a role that cannot read secrets where there is one."""
    return "support" if "support" in settings.DATABASES else "default"


def read_alias() -> str:
    """The database that pages are read from."""
    return current.get() or primary_alias()


def choose(session: SessionBase) -> tuple[Replica, float] | None:
    """A replica that this thread is connected to now, and the seconds it is behind.

    None: the primary is to be read from. A page waits for one address that does not answer, and
    not for the next one too.
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
    """Remember that this session's owner may have written up to now."""
    primary = read_primary(connection)
    if primary is not None:
        session[WRITTEN] = [primary.position, int(time.time())]


def _needed(session: SessionBase) -> float:
    """The position that a replica must have reached for this session.

    No replica that is read from is further behind than REPLICA_MAX_LAG: what was written before
    that needs no look, whatever server's position it was.
    """
    try:
        position, at = session.get(WRITTEN, (0, 0))
        ago = time.time() - at
    except (TypeError, ValueError):
        return inf
    return position if ago <= settings.REPLICA_MAX_LAG + MARGIN else 0
