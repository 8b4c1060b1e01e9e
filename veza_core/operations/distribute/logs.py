"""Which tables are logs: rows that are only added, read by time, and purged by age."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from django.apps import apps
from django.core.management.base import CommandError

from veza_core.db.distribution import Ask, OnDelete

#: The column by whose age the rows of a log are purged.
AGE = "created_at"

ON_DELETE = {"c": "CASCADE", "n": "SET NULL"}

# The primary key's column, and what prevents distribution: other unique indexes, which would be
# unique only within a node, and foreign keys that refer to the log.
LOG_FACTS = """
SELECT relname::text,
    (SELECT min(attname::text) FROM pg_index JOIN pg_attribute
        ON attrelid = indrelid AND attnum = ANY(indkey)
        LEFT JOIN pg_partitioned_table ON partrelid = indrelid
        WHERE indrelid = pg_class.oid AND indisprimary
            AND (indnkeyatts = 1 OR partattrs IS NULL OR attnum <> ALL (partattrs))
        HAVING count(*) = 1),
    (SELECT array_agg(indexrelid::regclass::text ORDER BY 1) FROM pg_index
        WHERE indrelid = pg_class.oid AND indisunique AND NOT indisprimary),
    (SELECT array_agg(conrelid::regclass::text ORDER BY 1) FROM pg_constraint
        WHERE confrelid = pg_class.oid AND contype = 'f'),
    relkind = 'p'
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
"""
KEYS = """
SELECT log.relname::text, conname::text, target.relname::text, confdeltype::text, convalidated,
    (SELECT array_agg(attname::text) FROM pg_attribute
        WHERE attrelid = conrelid AND attnum = ANY(conkey))
FROM pg_constraint
JOIN pg_class AS log ON log.oid = conrelid
JOIN pg_class AS target ON target.oid = confrelid
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
ORDER BY log.relname, conname
"""


@dataclass(frozen=True, slots=True)
class LogKey:
    """An existing foreign key of a log."""

    name: str
    is_valid: bool
    on_delete: OnDelete


@dataclass(frozen=True, slots=True)
class Log:
    """A log in the database: its primary key's column, and its foreign keys."""

    name: str
    column: str
    keys: tuple[LogKey, ...]
    is_partitioned: bool


def declared_logs() -> list[str]:
    """The tables whose models say that rows are purged by their own age."""
    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        if AGE in getattr(model, "purged_after", {})
    )


def referred_to(ask: Ask, logs: Sequence[Log]) -> list[str]:
    """The tables that the logs refer to, directly or indirectly, referenced tables first.

    Raises `CommandError` for a circle.
    """
    refers: dict[str, set[str]] = {}
    for table, _, target, *_ in ask(KEYS):
        if target != table:
            refers.setdefault(table, set()).add(target)
    waiting = {key.on_delete.target for log in logs for key in log.keys}
    graph: dict[str, set[str]] = {}
    while waiting:
        table = waiting.pop()
        graph[table] = refers.get(table, set())
        waiting |= graph[table] - graph.keys()
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = ", ".join(error.args[1])
        raise CommandError(f"foreign keys form a circle: {circle}") from error


def read_logs(ask: Ask) -> list[Log]:
    """The logs, from the catalog. Raises `CommandError` for one that cannot be distributed."""
    names = declared_logs()
    keys: dict[str, list[LogKey]] = {name: [] for name in names}
    for table, name, target, action, is_valid, columns in ask(KEYS):
        if table not in keys:
            continue
        if action not in ON_DELETE or len(columns) != 1:
            raise CommandError(
                f"{table} cannot be distributed: its foreign key {name} is not CASCADE or SET "
                "NULL with one column, and a trigger can replace only these"
            )
        on_delete = OnDelete(target, table, columns[0], ON_DELETE[action])
        keys[table].append(LogKey(name, is_valid, on_delete))
    logs = []
    for table, column, unique, referring, is_partitioned in ask(LOG_FACTS):
        if table not in keys:
            continue
        if column is None or unique or referring:
            what = "its primary key is not one column"
            if unique:
                what = f"{', '.join(unique)} would be unique only within each node"
            elif referring:
                what = f"{', '.join(referring)} refers to it"
            raise CommandError(f"{table} cannot be distributed: {what}")
        logs.append(Log(table, column, tuple(keys[table]), is_partitioned))
    if missing := set(names) - {log.name for log in logs}:
        raise CommandError(f"this database has no {', '.join(sorted(missing))}: run migrate")
    return logs
