"""A complete run: reads the database, plans the steps, and runs them one after another."""

import time
from collections.abc import Callable, Sequence

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.counted import counted
from veza_core.db.distribution import asking, read_distribution, read_triggers
from veza_core.db.fetch import fetch_all
from veza_core.db.timeouts import is_lock_timeout, set_lock_timeout
from veza_core.errors import one_line
from veza_core.operations.reset import who_is_in_the_way
from veza_core.schema.audit.expected import recorded_catalog
from veza_core.schema.snapshot import load_snapshot

from .cluster import check_audited, check_cluster, check_complete
from .logs import declared_logs, read_logs, referred_to
from .plan import Layout, Step, plan, plan_undo

type Comments = dict[tuple[str, str | None], str]

COMMENTS = """
SELECT relname::text, attname::text, description
FROM pg_description
JOIN pg_class ON pg_class.oid = objoid AND relkind IN ('r', 'p')
LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
WHERE classoid = 'pg_class'::regclass AND relnamespace = 'public'::regnamespace
"""


def steps_to(connection: BaseDatabaseWrapper, layout: Layout, shards: int) -> list[Step]:
    """The remaining steps until the database has the layout.

    Raises `CommandError`, in one line, for a database that cannot be distributed.
    """
    distribution = check_cluster(connection)
    check_complete(connection)
    ask = asking(connection)
    logs = read_logs(ask)
    steps = plan(logs, referred_to(ask, logs), distribution, layout, shards)
    check_audited(connection, declared_logs())
    return steps


def steps_back(connection: BaseDatabaseWrapper) -> list[Step]:
    """The remaining steps until everything is on the coordinator, with its foreign keys.

    Raises `CommandError` for a partitioned log: the keys are added NOT VALID, which PostgreSQL
    before 18 refuses there.
    """
    check_complete(connection)
    ask = asking(connection)
    logs = read_logs(ask)
    if partitioned := [log.name for log in logs if log.is_partitioned]:
        raise CommandError(
            f"{', '.join(partitioned)} is partitioned: first merge it into one table again "
            "(docs/scale.md). Nothing was changed."
        )
    recorded = load_snapshot(recorded_catalog())["tables"]
    return plan_undo(logs, read_distribution(ask), read_triggers(ask), recorded)


def run_steps(
    connection: BaseDatabaseWrapper,
    steps: Sequence[Step],
    lock_timeout: float,
    report: Callable[[Step, float], None],
) -> None:
    """Run the steps. `lock_timeout` is in seconds; `report` gets each step and its seconds.

    Raises `CommandError`, in one line: the step in progress was rolled back, and a second run
    continues.
    """
    for number, step in enumerate(steps):
        started = time.monotonic()
        try:
            _run_step(connection, step, lock_timeout)
        except DatabaseError as error:
            of = counted(len(steps), "step is", "steps are")
            done = f"{number} of {of} done, and a second run does the rest"
            raise CommandError(f"{step.title}: {_explained(connection, error)}; {done}") from error
        report(step, time.monotonic() - started)


def _run_step(connection: BaseDatabaseWrapper, step: Step, lock_timeout: float) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        set_lock_timeout(connection, lock_timeout, local=True)
        before = _read_comments(connection)
        for statement in step.statements:
            cursor.execute(statement)
        _write_comments(connection, before)


def _explained(connection: BaseDatabaseWrapper, error: DatabaseError) -> str:
    if is_lock_timeout(error):
        return f"other sessions block it ({who_is_in_the_way(connection)})"
    return one_line(error)


def _read_comments(connection: BaseDatabaseWrapper) -> Comments:
    """The comments of `public`, by table and column; None is the table itself.

    Citus recreates tables without their comments.
    """
    return {(table, column): text for table, column, text in fetch_all(connection, COMMENTS)}


def _write_comments(connection: BaseDatabaseWrapper, before: Comments) -> None:
    """Write the comments again that this transaction has lost."""
    lost = before.items() - _read_comments(connection).items()
    with connection.cursor() as cursor:
        for (table, column), text in sorted(lost, key=str):
            what = sql.SQL("TABLE {}") if column is None else sql.SQL("COLUMN {}")
            names = ("public", table) if column is None else ("public", table, column)
            statement = sql.SQL("COMMENT ON {} IS {}")
            where = what.format(sql.Identifier(*names))
            cursor.execute(statement.format(where, sql.Literal(text)))
