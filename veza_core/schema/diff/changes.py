"""The changes from one snapshot to another, each with a judgement."""

from collections.abc import Iterator
from dataclasses import dataclass

from veza_core.db.schema_version import Version, version_in
from veza_core.schema.diff import columns, parts
from veza_core.schema.diff.judgement import (
    Judgement,
    VersionStep,
    breaks_both,
    breaks_readers,
    breaks_writers,
    more,
    same,
)
from veza_core.schema.snapshot import PARTS, Properties, Snapshot
from veza_core.schema.snapshot.drift import KINDS, Difference, compare

#: Properties of a table that say how rows are stored. They change no result.
_STORED = ("options", "toast options", "access method", "replica identity", "statistics")
_FUNCTIONS = ("function", "aggregate", "procedure", "window")
_PARTS = [KINDS[part] for part in PARTS]


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A difference, and what it breaks."""

    difference: Difference
    judgement: Judgement


def changes(before: Snapshot, after: Snapshot) -> list[SchemaChange]:
    """Return the changes from `before` to `after`, breaking ones first."""
    differences = [*_new_extensions(before, after), *compare(before, after)]
    found = [
        SchemaChange(difference, _judge(difference, before, after))
        for difference in differences
        if difference.kind != "schema"
    ]
    return sorted(found, key=lambda change: (-len(change.judgement.breaks), -change.judgement.step))


def needed_step(found: list[SchemaChange]) -> VersionStep | None:
    """The largest version step of the changes; None if there are no changes."""
    return max((change.judgement.step for change in found), default=None)


def version_of(snapshot: Snapshot) -> Version | None:
    """The version of a schema; None if it has none."""
    about = snapshot.get("schemas", {}).get("public", {})
    return version_in(f"Veza schema {about.get('version')}")


def needed_version(before: Version | None, step: VersionStep | None) -> Version | None:
    """The lowest version that may follow.

    None for any version: nothing changed, or the previous schema has no released version.
    """
    if before is None or step is None or not before.released:
        return None
    return {
        VersionStep.MAJOR: Version(before.major + 1, 0, 0),
        VersionStep.MINOR: Version(before.major, before.minor + 1, 0),
        VersionStep.PATCH: Version(before.major, before.minor, before.patch + 1),
    }[step]


def _new_extensions(before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    # `compare` ignores new extensions: in an audit, they belong to the server's owner.
    for name in sorted(after["extensions"].keys() - before["extensions"].keys()):
        about = after["extensions"][name]
        is_ = f"schema {about['schema']}"
        yield Difference("extension", None, name, None, None, is_, None, about)


def _judge(difference: Difference, before: Snapshot, after: Snapshot) -> Judgement:
    kind, property_ = difference.kind, difference.property
    if property_ in ("comment", "comment of its index"):
        return same("a comment")
    was, is_ = difference.before, difference.after
    if kind not in _PARTS:
        return _judge_object(kind, property_, was, is_, before)
    if kind == "column":
        return columns.judge_column(property_, was, is_)
    if kind in ("constraint", "index"):
        table = str(difference.table)
        old, now = (side["tables"][table].get("columns", {}) for side in (before, after))
        about = parts.ColumnsAfter(now, frozenset(now.keys() - old.keys()))
        judge = parts.judge_constraint if kind == "constraint" else parts.judge_index
        return judge(property_, was, is_, about)
    if kind == "trigger":
        return parts.judge_trigger(property_, was, is_)
    # A policy or a rule.
    return breaks_both("it may hide, change or refuse rows: read it")


def _judge_object(
    kind: str,
    property_: str | None,
    was: Properties | None,
    is_: Properties | None,
    before: Snapshot,
) -> Judgement:
    if was is None:
        return _new_object(is_ or {}, before)
    if is_ is None or property_ == "name":
        return breaks_both("statements that name it fail (42P01, 42704 or 42883)")
    if kind == "type" and property_ == "values":
        return _values(was["values"], is_["values"])
    if kind == "sequence":
        return more("it produces different numbers")
    if kind in _FUNCTIONS:
        if property_ in ("body", "attributes", "settings", "language"):
            return more("it may do something different: read it")
        return breaks_both("statements that call it may fail (42883)")
    if kind in ("type", "extension", "object"):
        return breaks_both(f"its {property_} changed")
    return _relation(property_, is_)


def _new_object(is_: Properties, before: Snapshot) -> Judgement:
    refusing = parts.refuses_deletes(is_.get("constraints", {}))
    old = [
        name
        for name in refusing
        if any(
            f" REFERENCES public.{table}(" in is_["constraints"][name]["definition"]
            for table in before["tables"]
        )
    ]
    if old:
        return breaks_writers(f"rows referenced by {', '.join(old)} cannot be deleted (23503)")
    return more("existing statements do not name it")


def _values(was: list[str], is_: list[str]) -> Judgement:
    if gone := [value for value in was if value not in is_]:
        return breaks_both(f"a statement with {', '.join(map(repr, gone))} fails (22P02)")
    if [value for value in is_ if value in was] != was:
        return breaks_readers("values are sorted and compared in a different order")
    return more("a service may read a value that it does not know")


def _relation(property_: str | None, is_: Properties) -> Judgement:
    if property_ in _STORED:
        return same("rows are stored differently")
    if property_ == "order of columns":
        return more("statements that name their columns do not notice")
    if property_ == "persistence":
        if "persistence" not in is_:
            return more("it survives a crash, and is replicated")
        return breaks_readers("a crash empties it, and replicas cannot read it")
    if property_ == "row security" and property_ not in is_:
        return more("roles that can read the table see all rows")
    if property_ == "definition":
        return breaks_readers("it may return different rows: read it")
    return breaks_both(f"its {property_} changed")
