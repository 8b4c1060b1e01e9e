"""The exceptions for a database that Citus distributes over nodes.

A distributed table cannot have a foreign key to a table on the coordinator. A trigger there does
its ON DELETE. `with_triggers` makes the same change in the recorded catalog. Everything else is
compared as usual.
"""

import copy
import re
from collections.abc import Iterator

from veza_core.counted import counted
from veza_core.db.distribution import FUNCTION, OnDelete
from veza_core.db.on_delete import BODY, SETTINGS
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import Table, Trigger
from veza_core.schema.snapshot import Snapshot
from veza_core.schema.snapshot.drift import Difference

FOREIGN_KEY = re.compile(
    r"FOREIGN KEY \((\w+)\) REFERENCES public\.(\w+)\(\w+\) ON DELETE (CASCADE|SET NULL)"
)


def trigger_of(table: str, definition: str) -> OnDelete | None:
    """The trigger that replaces a foreign key of `table`.

    `definition` is from `pg_get_constraintdef`. None if no trigger replaces such a constraint.
    """
    if match := FOREIGN_KEY.fullmatch(definition):
        column, target, action = match.groups()
        return OnDelete(target, table, column, action)
    return None


def with_triggers(expected: Snapshot, catalog: Catalog, spread: frozenset[str]) -> Snapshot:
    """The recorded catalog, with triggers in place of foreign keys that this database cannot have.

    Tables in `spread` count as distributed if they already have such triggers.
    """
    if catalog.distribution is None and not spread:
        return expected
    copied = catalog.distribution.copied if catalog.distribution else set()
    without_keys = {each.table for each in triggers_of(catalog)} & spread
    if catalog.distribution:
        without_keys |= catalog.distribution.spread.keys()
    expected = copy.deepcopy(expected)
    for name in without_keys & expected["tables"].keys():
        constraints = expected["tables"][name]["constraints"]
        for key, constraint in list(constraints.items()):
            trigger = trigger_of(name, constraint["definition"])
            if trigger and trigger.target not in copied:
                del constraints[key]
                target = expected["tables"][trigger.target]
                target["triggers"][trigger.name] = {"definition": trigger.definition}
    return expected


def _of_distribute(catalog: Catalog) -> list[Trigger]:
    """The triggers that `distribute` created in place of foreign keys."""
    return [
        trigger
        for table in catalog.tables
        for trigger in table.triggers
        if (trigger.function.schema, trigger.function.name) == ("django", FUNCTION)
    ]


def triggers_of(catalog: Catalog) -> list[OnDelete]:
    """What the triggers of `distribute` do, each with its tables and its column."""
    return [OnDelete(each.table.name, *each.arguments[:3]) for each in _of_distribute(catalog)]


def kept_by_triggers(catalog: Catalog, table: Table) -> set[str]:
    """The columns of a distributed table that have a trigger instead of a foreign key."""
    if catalog.distribution is None or table.name not in catalog.distribution.spread:
        return set()
    return {each.column for each in triggers_of(catalog) if each.table == table.name}


def function_differs(catalog: Catalog) -> Iterator[Difference]:
    """A difference if the triggers' function is not the one that `distribute` creates."""
    for function in {trigger.function for trigger in _of_distribute(catalog)}:
        if (function.source, function.is_definer, function.settings) != (BODY, True, SETTINGS):
            name = f"django.{FUNCTION}()"
            yield Difference("function", None, name, None, "as distribute makes it", "different")


def notes(catalog: Catalog) -> tuple[str, ...]:
    """What is distributed, and the exceptions to rules; empty if everything is on one server."""
    found = catalog.distribution
    if found is None or not (found.spread or found.copied):
        return ()
    nodes = counted(found.nodes, "node")
    parts = [
        f"{name} by {column} in {counted(found.shards[name], 'shard')}"
        for name, column in found.spread.items()
    ]
    if found.copied:
        parts.append(f"{', '.join(sorted(found.copied))} copied to every node")
    return (f"distributed over {nodes}: {'; '.join(parts)}. {' '.join(_exceptions(catalog))}",)


def _exceptions(catalog: Catalog) -> Iterator[str]:
    """The exceptions to rules, a sentence each."""
    by_time = sorted(table.name for table in catalog.tables if table.is_partitioned)
    if by_time:
        yield f"Exception to rule 1: the key of {', '.join(by_time)} contains its partition key."
    triggers = triggers_of(catalog)
    if triggers:
        targets = sorted({each.target for each in triggers})
        yield (
            f"Exception to rule 3: triggers of {', '.join(targets)} do ON DELETE for "
            f"{counted(len(triggers), 'foreign key')}, and inserts are not checked."
        )
    if by_time or triggers:
        yield "There is no other exception."
    else:
        yield "There is no exception to the Standard."
