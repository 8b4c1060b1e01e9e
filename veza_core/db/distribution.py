"""What Citus has spread over nodes, as its own catalog says; nothing where Citus is not installed.

A table that is spread cannot have a foreign key to one that is on the coordinator alone. Its
ON DELETE is then a statement trigger on the other table, which calls `FUNCTION`.
(Citus, "Creating and Modifying Distributed Objects".)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: Runs a query without parameters; its rows.
type Ask = Callable[[str], list[tuple[Any, ...]]]

#: In schema `django`, which is this project's own, as `public` holds the tables and nothing else.
FUNCTION = "apply_on_delete"

INSTALLED = "SELECT extversion::text FROM pg_catalog.pg_extension WHERE extname = 'citus'"
# A hash-distributed table has method h; a reference table method n, and a copy on every node (t).
TABLES = """
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
TRIGGERS = f"""
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
    """What happens to rows of `table` when the row of `target` goes that `column` refers to.

    `action` is CASCADE or SET NULL. All names are of tables in `public`.
    """

    target: str
    table: str
    column: str
    action: str

    @property
    def name(self) -> str:
        """The trigger's, of 63 bytes at most."""
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
    """The triggers in place of foreign keys, and whether their function is there."""

    triggers: tuple[OnDelete, ...]
    has_function: bool

    def of(self, table: str) -> list[OnDelete]:
        """Those that change rows of this table."""
        return [trigger for trigger in self.triggers if trigger.table == table]


@dataclass(slots=True)
class Distribution:
    """Where the rows of `public` are, by the tables' names.

    `spread` has the column by whose hash rows are spread, `shards` into how many parts. Tables in
    `copied` are whole on every node (reference tables). `managed` are on the coordinator, and known
    to Citus. `triggers` are there where foreign keys cannot be.
    """

    version: str
    nodes: int = 0
    spread: dict[str, str] = field(default_factory=dict)
    shards: dict[str, int] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)
    managed: set[str] = field(default_factory=set)


def asking(connection: BaseDatabaseWrapper) -> Ask:
    """Put questions over a connection of Django's."""

    def ask(query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    return ask


def read_distribution(ask: Ask) -> Distribution | None:
    """Read it, in one query where there is no Citus. None: it is not installed in this database."""
    if not (installed := ask(INSTALLED)):
        return None
    found = Distribution(installed[0][0])
    [(found.nodes,)] = ask(NODES)
    for name, method, model, column, shards in ask(TABLES):
        if method == "h":
            found.spread[name] = column
            found.shards[name] = shards
        elif model == "t":
            found.copied.add(name)
        else:
            found.managed.add(name)
    return found


def read_triggers(ask: Ask) -> OnDeleteTriggers:
    """The triggers in place of foreign keys. A restored backup has them without Citus, too."""
    found = []
    for target, _, arguments in ask(TRIGGERS):
        # Each argument ends in a zero byte (PostgreSQL, the catalog pg_trigger).
        table, column, action = bytes(arguments).decode().split("\0")[:3]
        found.append(OnDelete(target, table, column, action))
    [(has_function,)] = ask(FUNCTION_IS_THERE)
    return OnDeleteTriggers(tuple(found), has_function)
