"""The transaction in which a page is read."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connections, transaction

from .errors import NodeLostError, TooSlowError

#: Milliseconds after which PostgreSQL stops a statement of a page.
STATEMENT_TIMEOUT = 5_000

#: An estimate must never make PostgreSQL read a table, or all rows of a key, and sort them, if an
#: index has the order. And no page is worth compiling a plan for.
SETTINGS = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),"
    " set_config('jit', 'off', true), set_config('statement_timeout', %s, true)"
)


@contextmanager
def reading(alias: str) -> Iterator[None]:
    """Read in one transaction, protected against slow plans.

    Raises `TooSlowError` if the timeout stops a statement, and `NodeLostError`.
    """
    try:
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute(SETTINGS, [str(STATEMENT_TIMEOUT)])
            yield
    except OperationalError as error:
        if stopped_by_timeout(error):
            raise TooSlowError(
                "The database stopped this page after "
                f"{STATEMENT_TIMEOUT // 1000} seconds. Add a filter, or try again later."
            ) from error
        if is_node_lost(error):
            raise NodeLostError from error
        raise


def stopped_by_timeout(error: OperationalError) -> bool:
    """Whether a statement took too long, and was not in the way of a replica's replay.

    Both may have SQLSTATE 57014; only a recovery conflict has a detail (PostgreSQL, src/backend/
    tcop/postgres.c, ProcessRecoveryConflictInterrupt).
    """
    cause = error.__cause__
    return isinstance(cause, psycopg.errors.QueryCanceled) and not cause.diag.message_detail


def is_node_lost(error: OperationalError) -> bool:
    """Whether the server said that it has lost another server; no server reports its own loss.

    Citus: ERRCODE_CONNECTION_FAILURE, and ERRCODE_CONNECTION_EXCEPTION.
    """
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in {"08006", "08000"}
