"""What a later migration changed, as plain SQL: the difference between two snapshots.

Each migration has a separate file, so earlier files do not change. A change that cannot be written
raises `ExportError`. `exporting.prove` loads all files, and compares the result.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from veza_core.schema.export import ExportError, render
from veza_core.schema.quoting import ident, literal
from veza_core.schema.snapshot import Properties, Snapshot
from veza_core.schema.spelling import column_type, default

#: The parts of a table, in the order in which they are added, and how each is dropped.
_DROP = {
    "columns": "ALTER TABLE {table} DROP COLUMN {name};",
    "constraints": "ALTER TABLE {table} DROP CONSTRAINT {name};",
    "indexes": "DROP INDEX public.{name};",
    "triggers": "DROP TRIGGER {name} ON {table};",
}
#: The object of COMMENT ON, for each part.
_TARGET = {
    "constraints": "CONSTRAINT {name} ON {table}",
    "indexes": "INDEX public.{name}",
    "triggers": "TRIGGER {name} ON {table}",
}
_ADD = {
    "constraints": render.added_constraint,
    "indexes": render.added_index,
    "triggers": render.added_trigger,
}


def changes(before: Snapshot, after: Snapshot, created: Sequence[str] = ()) -> Iterator[str]:
    """The statements that change `before` into `after`, in blocks.

    `created` are new tables, in an order in which they can be created. Raises `ExportError`.
    """
    for name, properties in _added(before, after, "extensions"):
        yield (
            f"CREATE EXTENSION IF NOT EXISTS {ident(name)} "
            f"WITH SCHEMA {ident(properties['schema'])};"
        )
    yield from _types(before, after)
    new = dict(_added(before, after, "tables"))
    for name in [*(name for name in created if name in new), *sorted(new.keys() - set(created))]:
        yield f"-- === {name} ==="
        yield render.table(name, new[name])
    yield from _functions(before, after)
    for name in new:
        yield from render.triggers(name, new[name])
    for name, properties in after["tables"].items():
        was = before["tables"].get(name, properties)
        if was != properties:
            yield f"-- === {name} ==="
            yield "\n".join(_altered(name, was, properties))
    for section, kind in (("functions", "FUNCTION"), ("tables", "TABLE"), ("types", "TYPE")):
        if gone := sorted(before[section].keys() - after[section].keys()):
            names = [_target(name, kind) for name in gone]
            # In one statement, because they may refer to each other.
            yield f"DROP {kind} {', '.join(names)};"
    if gone := sorted(before["extensions"].keys() - after["extensions"].keys()):
        raise ExportError(f"export_schema cannot drop extension {', '.join(gone)}")


def _target(name: str, kind: str) -> str:
    if kind == "FUNCTION":
        return "{}({})".format(*render.signature(name))
    return f"public.{ident(name)}"


def _added(before: Snapshot, after: Snapshot, section: str) -> Iterator[tuple[str, Properties]]:
    for name, properties in after[section].items():
        if name not in before[section]:
            yield name, properties


def _types(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for name, properties in after["types"].items():
        was = before["types"].get(name)
        if was is None:
            yield render.enum(name, properties)
        elif was != properties:
            yield "\n".join(_enlarged(name, was, properties))


def _enlarged(name: str, was: Properties, now: Properties) -> Iterator[str]:
    """The statements that add values to an enum type, or change its comment."""
    values = list(was["values"])
    target = f"public.{ident(name)}"
    for place, value in enumerate(now["values"]):
        if value not in values:
            where = f" AFTER {literal(now['values'][place - 1])}" if place else ""
            where = where or f" BEFORE {literal(values[0])}"
            # A value at the end needs no BEFORE or AFTER.
            end = place and values[-1] == now["values"][place - 1]
            yield f"ALTER TYPE {target} ADD VALUE {literal(value)}{'' if end else where};"
            values.insert(place, value)
    if values != now["values"]:
        raise ExportError(f"type {name} lost values: export_schema cannot write that")
    yield from _comment(f"TYPE {target}", was, now)


def _functions(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for name, properties in after["functions"].items():
        was = before["functions"].get(name)
        if was == properties:
            continue
        text = render.function(name, properties)
        if was is not None:
            text = text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        yield text


def _altered(name: str, was: Properties, now: Properties) -> Iterator[str]:
    """The statements that change a table: first drops, then additions."""
    target = f"public.{ident(name)}"
    _refuse(f"table {name}", was, now, {*_DROP, "options", "toast options", "comment"})
    for column, renamed in (new_names := _new_names(was["columns"], now["columns"])).items():
        yield f"ALTER TABLE {target} RENAME COLUMN {ident(column)} TO {ident(renamed)};"
    was = was | {
        "columns": {new_names.get(name, name): about for name, about in was["columns"].items()}
    }
    yield from _dropped(target, was, now)
    for column, about in now["columns"].items():
        before = was["columns"].get(column)
        if before is None:
            yield from render.added_column(name, column, about)
        elif before != about:
            yield from _altered_column(name, column, before, about)
    yield from _altered_parts(name, was, now)
    yield from _options(f"ALTER TABLE {target}", was, now)
    yield from _comment(f"TABLE {target}", was, now)


def _altered_parts(table: str, was: Properties, now: Properties) -> Iterator[str]:
    """The statements that add constraints, indexes and triggers, or change their options and
    comments.
    """
    target = f"public.{ident(table)}"
    for part, added in _ADD.items():
        for thing, about in now.get(part, {}).items():
            before = was.get(part, {}).get(thing)
            if before is None or _is_made_again(part, before, about):
                yield from added(table, thing, about)
            elif before != about:
                _refuse(f"{table}.{thing}", before, about, {"options", "comment"})
                yield from _options(f"ALTER INDEX public.{ident(thing)}", before, about)
                on = _TARGET[part].format(table=target, name=ident(thing))
                yield from _comment(on, before, about)


def _new_names(was: Iterable[str], now: Iterable[str]) -> dict[str, str]:
    """The renamed columns, and their new names.

    PostgreSQL adds a column at the end, so a new name before an old column is a rename. The last
    columns are dropped and added instead, which is the same in an empty table. If a migration also
    drops a column next to a renamed one, `exporting.prove` may refuse the file.
    """
    found: dict[str, str] = {}
    before, after = list(was), list(now)
    for common in [name for name in before if name in after]:
        old, new = before[: before.index(common)], after[: after.index(common)]
        if len(old) == len(new):
            found |= dict(zip(old, new, strict=True))
        elif new:
            return {}
        before, after = before[len(old) + 1 :], after[len(new) + 1 :]
    return found


def _dropped(target: str, was: Properties, now: Properties) -> Iterator[str]:
    for part in reversed(_DROP):
        for thing, about in was.get(part, {}).items():
            if _is_made_again(part, about, now.get(part, {}).get(thing)):
                yield _DROP[part].format(table=target, name=ident(thing))


def _is_made_again(part: str, was: Properties, now: Properties | None) -> bool:
    """Whether an object is gone, or so different that it must be dropped and created again."""
    return now is None or (part != "columns" and was["definition"] != now["definition"])


def _altered_column(table: str, column: str, was: Properties, now: Properties) -> Iterator[str]:
    known = {"type", "nullability", "default", "options", "statistics", "comment"}
    _refuse(f"column {table}.{column}", was, now, known)
    alter = f"ALTER TABLE public.{ident(table)} ALTER COLUMN {ident(column)}"
    if was["type"] != now["type"]:
        kind = column_type(now["type"])
        yield f"{alter} TYPE {kind} USING {ident(column)}::{kind};"
    if was.get("default") != now.get("default"):
        if "default" in now:
            yield f"{alter} SET DEFAULT {default(now['default'], now['type'])};"
        else:
            yield f"{alter} DROP DEFAULT;"
    if was.get("nullability") != now.get("nullability"):
        yield f"{alter} {'SET' if 'nullability' in now else 'DROP'} NOT NULL;"
    yield from _options(alter, was, now)
    if was.get("statistics") != now.get("statistics"):
        yield f"{alter} SET STATISTICS {now.get('statistics', -1)};"
    yield from _comment(f"COLUMN public.{ident(table)}.{ident(column)}", was, now)


def _options(alter: str, was: Properties, now: Properties) -> Iterator[str]:
    """The statements that reset removed options, and set new ones."""
    before, after = (
        [*about.get("options", []), *about.get("toast options", [])] for about in (was, now)
    )
    remaining = {option.partition("=")[0] for option in after}
    if gone := [
        name for name in (each.partition("=")[0] for each in before) if name not in remaining
    ]:
        yield f"{alter} RESET ({', '.join(gone)});"
    if new := [option for option in after if option not in before]:
        yield f"{alter} SET {render.parameters(new)};"


def _comment(target: str, was: Properties, now: Properties) -> Iterator[str]:
    if was.get("comment") != now.get("comment"):
        text = literal(now["comment"]) if "comment" in now else "NULL"
        yield f"COMMENT ON {target} IS {text};"


def _refuse(what: str, was: Mapping[str, Any], now: Mapping[str, Any], known: set[str]) -> None:
    """Raise `ExportError` for a change of a property that cannot be written."""
    keys = (was.keys() | now.keys()) - known
    if changed := sorted(key for key in keys if was.get(key) != now.get(key)):
        raise ExportError(f"{what}: export_schema cannot write a change of {', '.join(changed)}")
