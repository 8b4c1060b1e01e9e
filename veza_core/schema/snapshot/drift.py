"""Compares two snapshots, such as those of a database and of the expected schema."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from veza_core.db.operations import LEGACY_EXTENSIONS
from veza_core.schema.snapshot import PARTS, SECTIONS, Properties, Snapshot
from veza_core.schema.spelling import type_name

type Objects = dict[str, dict[str, Any]]

#: The kind of an object in a section or on a table, unless it has its own (a view).
KINDS = {
    "schemas": "schema",
    "extensions": "extension",
    "types": "type",
    "functions": "function",
    "sequences": "sequence",
    "others": "object",
    "tables": "table",
    "columns": "column",
    "constraints": "constraint",
    "indexes": "index",
    "triggers": "trigger",
    "policies": "policy",
    "rules": "rule",
}

# The words for the default of a property; "none" for all others.
_DEFAULTS = {
    "nullability": "NULL",
    "state": "enabled",
    "enforcement": "enabled",
    "validity": "valid",
    "persistence": "permanent",
    "row security": "disabled",
    "replica identity": "default",
}

#: Longer values are shown only around their first difference.
_LONG = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two snapshots, in plain values; as text it is one line.

    `table` is None for an object that is not part of a table. `property` is None for an object that
    only one snapshot has, and then `was` or `is_` is None too. `before` and `after` are all
    properties of the object; None if the snapshot does not have it.
    """

    kind: str
    table: str | None
    object: str
    property: str | None
    was: str | None
    is_: str | None
    before: Properties | None = field(default=None, compare=False, repr=False)
    after: Properties | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        what = f"{self.kind} {f'{self.table}.' if self.table else ''}{self.object}"
        if self.property is None:
            was = "not there" if self.was is None else _excerpt(self.was)
            is_ = "missing" if self.is_ is None else _excerpt(self.is_)
            return _one_line(f"{what}: was {was}, is {is_}")
        none = _DEFAULTS.get(self.property, "none")
        was, is_ = self.was or none, self.is_ or none
        start = _first_difference(was, is_)
        changed = f"was {_excerpt(was, start)}, is {_excerpt(is_, start)}"
        return _one_line(f"{what}: {self.property} {changed}")


def compare(expected: Snapshot, actual: Snapshot) -> list[Difference]:
    """The differences between two snapshots, by kind and name."""
    differences: list[Difference] = []
    for section in SECTIONS:
        was, is_ = expected.get(section, {}), actual.get(section, {})
        if section == "extensions":
            is_ = _of_v1(was, is_)
        differences += _objects(section, None, was, is_)
    return differences


def _of_v1(was: Objects, is_: Objects) -> Objects:
    """Only the extensions of V1. Others belong to the server's owner, even in `public`.

    A legacy extension may be in any schema, because nothing of V1 depends on it.
    """
    return {
        name: was[name] if name in LEGACY_EXTENSIONS else properties
        for name, properties in is_.items()
        if name in was
    }


def _objects(section: str, table: str | None, was: Objects, is_: Objects) -> Iterator[Difference]:
    # Two extensions in one schema differ only in their names, and so do other objects. So equal
    # properties do not show a rename.
    renamed = {} if section in ("extensions", "others") else _renamed(was, is_)
    for name in sorted(was.keys() | is_.keys()):
        if name in renamed.values():
            continue
        before, after = was.get(name), is_.get(name)
        kind = (before or after or {}).get("kind") if section in ("tables", "functions") else None
        kind = kind or KINDS[section]
        if new := renamed.get(name):
            yield Difference(kind, table, name, "name", name, new, before, is_[new])
        elif before is None or after is None:
            gone, made = _described(before), _described(after)
            yield Difference(kind, table, name, None, gone, made, before, after)
        else:
            yield from _properties(kind, table, name, before, after)
            if section == "tables":
                yield from _parts(kind, name, before, after)


def _properties(
    kind: str, table: str | None, name: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Difference]:
    for key in [*before, *(key for key in after if key not in before)]:
        if key not in PARTS and before.get(key) != after.get(key):
            was, is_ = _value(key, before.get(key)), _value(key, after.get(key))
            yield Difference(kind, table, name, key, was, is_, before, after)


def _parts(
    kind: str, table: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Difference]:
    """The differences of columns, constraints, … of one table, and of its columns' order."""
    for part in PARTS:
        yield from _objects(part, table, before.get(part, {}), after.get(part, {}))
    columns, now = before.get("columns", {}), after.get("columns", {})
    was = [column for column in columns if column in now]
    is_ = [column for column in now if column in columns]
    if was != is_:
        texts = ", ".join(was), ", ".join(is_)
        yield Difference(kind, None, table, "order of columns", *texts, before, after)


def _renamed(was: Objects, is_: Objects) -> dict[str, str]:
    """The objects that only have a new name: the old names, with the new ones."""
    renamed = {}
    gone = _by_content({name: was[name] for name in was.keys() - is_.keys()})
    new = _by_content({name: is_[name] for name in is_.keys() - was.keys()})
    for content, names in gone.items():
        if len(names) == 1 and len(new.get(content, [])) == 1:
            renamed[names[0]] = new[content][0]
    return renamed


def _by_content(objects: Objects) -> dict[str, list[str]]:
    """Names of objects by their content, without the name in the definition of an index."""
    contents: dict[str, list[str]] = {}
    for name, properties in objects.items():
        content = json.dumps(properties, sort_keys=True)
        if definition := properties.get("definition"):
            anonymous = definition.replace(f" {name} ", "  ", 1)
            content = json.dumps({**properties, "definition": anonymous}, sort_keys=True)
        contents.setdefault(content, []).append(name)
    return contents


def _described(properties: dict[str, Any] | None) -> str | None:
    """An object in a few words."""
    if properties is None:
        return None
    if "definition" in properties:
        return str(properties["definition"])
    if "columns" in properties:
        return f"a {properties.get('kind', 'table')} of {', '.join(properties['columns'])}"
    words = []
    for key, value in properties.items():
        if key == "comment" or key in PARTS:
            continue
        bare = key in ("type", "kind", "nullability", "values", "attributes")
        words.append(f"{'' if bare else key + ' '}{_value(key, value)}")
    return " ".join(words) or "there"


def _value(key: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return type_name(str(value)) if key == "type" else str(value)


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _excerpt(text: str, start: int = 0) -> str:
    """The text, or a part of a long one, from a little before `start` on."""
    begin = 0 if len(text) <= _LONG else max(0, start - _LONG // 3)
    part = text[begin : begin + _LONG]
    return f"{'…' if begin else ''}{part}{'…' if begin + _LONG < len(text) else ''}"


def _one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
