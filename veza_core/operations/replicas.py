"""Makes jobs with many writes wait for the replicas, so that these do not fall behind.

A replica that is behind shows old rows. If the primary no longer has its WAL, it is lost. A job
that writes in batches calls this between two of them, and continues when all replicas have caught
up.
"""

import logging
import time
from collections.abc import Callable
from weakref import WeakSet

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_row

#: Seconds between two checks.
LOOK_EVERY = 0.5

# The replica that is furthest behind, by how many seconds, and whether the role may not see this.
# `replay_lag` grows while a replica applies nothing. It is NULL if the replica has everything, and
# for a base backup, which applies nothing (PostgreSQL, "pg_stat_replication", 27.2.4). A role
# without pg_read_all_stats sees a row for each replica, with NULL in all columns.
REPLICAS_BEHIND = """
SELECT application_name || coalesce(' at ' || host(client_addr), ''),
    extract(epoch FROM replay_lag)::float8, state IS NULL
FROM pg_stat_replication
WHERE state IS NULL
    OR (application_name <> ALL (%s) AND replay_lag > make_interval(secs => %s))
ORDER BY replay_lag DESC NULLS LAST LIMIT 1
"""

NOT_ALLOWED = (
    "this does not wait for replicas: the role cannot see how far behind they are. GRANT "
    "pg_monitor to it, or leave JOB_MAX_REPLICA_LAG empty"
)

logger = logging.getLogger(__name__)

#: Connections whose role may not see the replicas: this is said once for each.
_not_allowed: "WeakSet[BaseDatabaseWrapper]" = WeakSet()


def wait_for_replicas(
    connection: BaseDatabaseWrapper, say: Callable[[str], object] = logger.warning
) -> float:
    """Wait until no replica is more than `JOB_MAX_REPLICA_LAG` seconds behind; return the seconds.

    Call it on the primary, between two transactions, because a waiting job must hold no lock. If no
    replica is behind, it costs one query. `say` gets a line when the wait begins. If the role may
    not see the replicas, this does not wait, and `say` gets a line once for each connection.
    Replicas in `JOB_IGNORED_REPLICAS` (by `application_name`), and replicas that are not connected,
    are ignored.
    """
    most: float | None = settings.JOB_MAX_REPLICA_LAG
    if most is None or connection in _not_allowed:
        return 0.0
    began, has_reported = time.monotonic(), False
    limits = [settings.JOB_IGNORED_REPLICAS, most]
    while (found := fetch_row(connection, REPLICAS_BEHIND, limits)) is not None:
        name, seconds, hidden = found
        if hidden:
            _not_allowed.add(connection)
            say(NOT_ALLOWED)
            return 0.0
        if not has_reported:
            say(
                f"waiting for replica {name}, which is {seconds:.0f} s behind: "
                f"JOB_MAX_REPLICA_LAG is {most:g}"
            )
            has_reported = True
        time.sleep(LOOK_EVERY)
    return time.monotonic() - began
