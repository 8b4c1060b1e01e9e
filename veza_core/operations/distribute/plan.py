"""The steps to a layout, and back. Each is one transaction, and keeps rows and rules complete."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.management.base import CommandError

from veza_core.db.distribution import FUNCTION, Distribution, OnDelete, OnDeleteTriggers
from veza_core.db.on_delete import CREATE, DROP
from veza_core.schema.audit.distributed import trigger_of

from .logs import Log


class Layout(StrEnum):
    """L: only the logs are distributed. A: the tables that they refer to are also copied to
    every node, so that the foreign keys stay.
    """

    L = "L"
    A = "A"


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: a title, and its statements."""

    title: str
    statements: tuple[str, ...]


#: Citus puts a row trigger on each shard, and needs this setting first, because a trigger that
#: reads other rows would see only those of its shard. The trigger of V1's tables uses only its own
#: row.
WITH_TRIGGERS = "SET LOCAL citus.enable_unsafe_triggers = on"
#: DDL on tables that refer to each other needs one connection to a node.
SEQUENTIAL = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
#: Under layout A, every transaction that changes rows or tables of both kinds needs the setting
#: above: those of services, of purge, and of later releases.
DATABASE = "ALTER DATABASE %I SET citus.multi_shard_modify_mode = ''sequential''"
RESET_DATABASE = "ALTER DATABASE %I RESET citus.multi_shard_modify_mode"
ON_THIS_DATABASE = "DO $$ BEGIN EXECUTE format('{}', current_database()); END $$"


def layout_of(distribution: Distribution) -> Layout | None:
    """The current or started layout of a database; None: everything is on one server."""
    if distribution.copied:
        return Layout.A
    return Layout.L if distribution.spread else None


def plan(
    logs: Sequence[Log],
    targets: Sequence[str],
    distribution: Distribution,
    layout: Layout,
    shards: int,
) -> list[Step]:
    """The remaining steps; `targets` are the referenced tables, in the order of copying.

    Raises `CommandError` if the database has the other layout.
    """
    if (present := layout_of(distribution)) not in (None, layout):
        raise CommandError(
            f"the database is distributed by layout {present}: run distribute --undo first"
        )
    steps = list(_copied(logs, targets, distribution)) if layout is Layout.A else []
    for log in logs:
        if layout is Layout.L:
            steps += _triggers(log)
        steps += _spread(log, distribution, shards)
    return steps


def _triggers(log: Log) -> Iterator[Step]:
    """A step of its own, because moving rows takes long, and this locks referenced tables, too."""
    if log.keys:
        drops = ", ".join(f"DROP CONSTRAINT {key.name}" for key in log.keys)
        triggers = [
            key.on_delete.definition.replace("CREATE", "CREATE OR REPLACE", 1) for key in log.keys
        ]
        yield Step(
            f"{log.name}: {len(log.keys)} foreign keys become triggers",
            (*CREATE, f"ALTER TABLE public.{log.name} {drops}", *triggers),
        )


def _copied(
    logs: Sequence[Log], targets: Sequence[str], distribution: Distribution
) -> Iterator[Step]:
    if any(not log.keys for log in logs):
        raise CommandError(
            "layout A keeps the foreign keys, but some are missing: distribute --undo adds them"
        )
    for target in targets:
        if target not in distribution.copied:
            statement = f"SELECT create_reference_table('public.{target}')"
            setting = ON_THIS_DATABASE.format(DATABASE)
            yield Step(
                f"{target}: copied to every node", (WITH_TRIGGERS, SEQUENTIAL, setting, statement)
            )


def _spread(log: Log, distribution: Distribution, shards: int) -> Iterator[Step]:
    if log.name not in distribution.spread:
        name = f"'public.{log.name}'"
        yield Step(
            f"{log.name}: spread by {log.column} in {shards} shards",
            (
                WITH_TRIGGERS,
                f"SELECT create_distributed_table({name}, '{log.column}', shard_count => {shards})",
                # Citus leaves the old rows on this server, hidden.
                f"SELECT truncate_local_data_after_distributing_table({name})",
            ),
        )


def plan_undo(
    logs: Sequence[Log],
    distribution: Distribution | None,
    triggers: OnDeleteTriggers,
    recorded: Mapping[str, Mapping[str, Any]],
) -> list[Step]:
    """The steps back to one server; `recorded` has the tables of `schema/catalog.json`.

    Also for a database on one server that has triggers instead of keys: a restored backup.
    """
    steps = list(_back(logs, distribution)) if distribution else []
    for log in logs:
        steps += _keys_again(log, triggers.of(log.name), recorded[log.name])
    if triggers.has_function:
        steps.append(Step(f"function django.{FUNCTION}: dropped", DROP))
    return steps


def _back(logs: Sequence[Log], distribution: Distribution) -> Iterator[Step]:
    if distribution.copied:
        # Everything that foreign keys connect must move together.
        table = min(distribution.copied)
        statement = f"SELECT undistribute_table('public.{table}', cascade_via_foreign_keys => true)"
        setting = ON_THIS_DATABASE.format(RESET_DATABASE)
        yield Step(
            "all tables: back on the coordinator", (WITH_TRIGGERS, SEQUENTIAL, statement, setting)
        )
        return
    for log in logs:
        if log.name in distribution.spread:
            statement = f"SELECT undistribute_table('public.{log.name}')"
            yield Step(f"{log.name}: back on the coordinator", (WITH_TRIGGERS, statement))


def _keys_again(
    log: Log, triggers: Sequence[OnDelete], recorded: Mapping[str, Any]
) -> Iterator[Step]:
    """Add keys that check new rows at once, and drop the triggers; then check the existing rows."""
    existing = {key.name: key for key in log.keys}
    keys = {
        name: constraint["definition"]
        for name, constraint in recorded["constraints"].items()
        if constraint["definition"].startswith("FOREIGN KEY")
    }
    missing = {name: text for name, text in keys.items() if name not in existing}
    if missing or triggers:
        adds = ", ".join(
            f"ADD CONSTRAINT {name} {text} NOT VALID" for name, text in missing.items()
        )
        yield Step(
            f"{log.name}: {len(missing)} foreign keys replace the triggers",
            (
                *([f"ALTER TABLE public.{log.name} {adds}"] if adds else []),
                *(f"DROP TRIGGER {each.name} ON public.{each.target}" for each in triggers),
            ),
        )
    for name, text in keys.items():
        if name in missing or not existing[name].is_valid:
            yield Step(
                f"{log.name}: {name} is validated",
                (
                    _without_orphans(log.name, text),
                    f"ALTER TABLE public.{log.name} VALIDATE CONSTRAINT {name}",
                ),
            )


def _without_orphans(table: str, definition: str) -> str:
    """Do what ON DELETE would have done to rows that refer to nothing."""
    if (what := trigger_of(table, definition)) is None:
        raise CommandError(f"{table} has a foreign key that no trigger replaces: {definition}")
    statement = f"DELETE FROM public.{table}"
    if what.action == "SET NULL":
        statement = f"UPDATE public.{table} SET {what.column} = NULL"
    return (
        f"{statement} WHERE {what.column} IS NOT NULL AND NOT EXISTS "
        f"(SELECT FROM public.{what.target} WHERE {what.target}.id = {table}.{what.column})"
    )
