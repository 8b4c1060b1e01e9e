"""What Citus has distributed over nodes, from its own catalog; empty without Citus.

A distributed table cannot have a foreign key to a table on the coordinator. Its ON DELETE is then a
statement trigger on the other table, which calls `FUNCTION`. (Citus, "Creating and Modifying
Distributed Objects".)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_all

#: Runs a query without parameters, and returns its rows.
type Ask = Callable[[str], list[tuple[Any, ...]]]

#: In this project's own schema `django`, because `public` contains only the tables.
FUNCTION = "apply_on_delete"

INSTALLED = "SELECT extversion::text FROM pg_catalog.pg_extension WHERE extname = 'citus'"
# A hash-distributed table has method h; a reference table has method n, and a copy on every node
# (t).
DISTRIBUTED_TABLES = """
SELECT relname::text, partmethod::text, repmodel::text,
    CASE WHEN partkey IS NOT NULL THEN pg_catalog.column_to_column_name(logicalrelid, partkey) END,
    (SELECT count(*) FROM pg_catalog.pg_dist_shard AS shard
        WHERE shard.logicalrelid = partition.logicalrelid)
FROM pg_catalog.pg_dist_partition AS partition
JOIN pg_catalog.pg_class ON pg_class.oid = logicalrelid
JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND NOT relispartition
ORDER BY relname
"""
NODES = """
SELECT count(*) FROM pg_catalog.pg_dist_node
WHERE isactive AND noderole = 'primary' AND shouldhaveshards
"""
FUNCTION_IS_THERE = f"SELECT pg_catalog.to_regprocedure('django.{FUNCTION}()') IS NOT NULL"
ON_DELETE_TRIGGERS = f"""
SELECT relname::text, tgname::text, tgargs FROM pg_catalog.pg_trigger
JOIN pg_catalog.pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND tgfoid = (
    SELECT oid FROM pg_catalog.pg_proc
    WHERE proname = '{FUNCTION}' AND pronamespace = pg_catalog.to_regnamespace('django')
)
ORDER BY relname, tgname
"""


@dataclass(frozen=True, slots=True, order=True)
class OnDelete:
    """What happens to rows of `table` if the row of `target` that `column` refers to is deleted.

    `action` is CASCADE or SET NULL. All names are of tables in `public`.
    """

    target: str
    table: str
    column: str
    action: str

    @property
    def name(self) -> str:
        """The trigger's name, at most 63 bytes."""
        return f"{self.table}_{self.column}"[:53] + "_on_delete"

    @property
    def definition(self) -> str:
        """The trigger, as `pg_get_triggerdef` writes it."""
        return (
            f"CREATE TRIGGER {self.name} AFTER DELETE ON public.{self.target} "
            "REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION "
            f"django.{FUNCTION}('{self.table}', '{self.column}', '{self.action}')"
        )


@dataclass(frozen=True, slots=True)
class OnDeleteTriggers:
    """The triggers that replace foreign keys, and whether their function exists."""

    triggers: tuple[OnDelete, ...]
    has_function: bool

    def of(self, table: str) -> list[OnDelete]:
        return [trigger for trigger in self.triggers if trigger.table == table]


@dataclass(slots=True)
class Distribution:
    """Where the rows of `public` are, by table name.

    `spread` has the column by whose hash rows are distributed, and `shards` the number of parts.
    Tables in `copied` are complete on every node (reference tables). Tables in `managed` are on the
    coordinator, and known to Citus.
    """

    version: str
    nodes: int = 0
    spread: dict[str, str] = field(default_factory=dict)
    shards: dict[str, int] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)
    managed: set[str] = field(default_factory=set)


def asking(connection: BaseDatabaseWrapper) -> Ask:
    """Return a function that runs queries over a connection of Django's."""
    return partial(fetch_all, connection)


def read_distribution(ask: Ask) -> Distribution | None:
    """Read the distribution, in one query if there is no Citus.

    None: it is not installed in this database.
    """
    if not (installed := ask(INSTALLED)):
        return None
    found = Distribution(installed[0][0])
    [(found.nodes,)] = ask(NODES)
    for name, method, model, column, shards in ask(DISTRIBUTED_TABLES):
        if method == "h":
            found.spread[name] = column
            found.shards[name] = shards
        elif model == "t":
            found.copied.add(name)
        else:
            found.managed.add(name)
    return found


def read_triggers(ask: Ask) -> OnDeleteTriggers:
    """The triggers that replace foreign keys. A restored backup has them, even without Citus."""
    found = []
    for target, _, arguments in ask(ON_DELETE_TRIGGERS):
        # Each argument ends with a zero byte (PostgreSQL, the catalog pg_trigger).
        table, column, action = bytes(arguments).decode().split("\0")[:3]
        found.append(OnDelete(target, table, column, action))
    [(has_function,)] = ask(FUNCTION_IS_THERE)
    return OnDeleteTriggers(tuple(found), has_function)
