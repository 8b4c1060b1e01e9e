"""What a change of a constraint, index or trigger breaks."""

import re
from dataclasses import dataclass

from veza_core.schema.diff.judgement import (
    Judgement,
    breaks_both,
    breaks_readers,
    breaks_writers,
    more,
    same,
)
from veza_core.schema.snapshot import Properties


@dataclass(frozen=True, slots=True)
class ColumnsAfter:
    """The columns of a table after the change, and the names of the new ones."""

    all: dict[str, Properties]
    new: frozenset[str]

    def named(self, expression: str) -> set[str]:
        """The columns that an expression may name."""
        names = _NAME.findall(_LITERAL.sub("", expression))
        return {name.strip('"').replace('""', '"') for name in names} & self.all.keys()

    def only_new(self, expression: str) -> bool:
        """Whether it names new columns and no others."""
        named = self.named(expression)
        return bool(named) and named <= self.new


_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r'"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*')
_ON_DELETE = re.compile(r" ON DELETE (CASCADE|SET NULL|SET DEFAULT|RESTRICT)(?: \([^)]*\))?")
_NOT_VALID = " NOT VALID"
#: Since PostgreSQL 18. Before, the triggers of a foreign key could be disabled, as they still can.
_NOT_ENFORCED = " NOT ENFORCED"
_OWN_TRIGGER = "update_updated_at_column()"


def judge_constraint(
    property_: str | None, was: Properties | None, is_: Properties | None, columns: ColumnsAfter
) -> Judgement:
    """Judge a change of a constraint; `columns` are those of its table."""
    if was is None and is_ is not None:
        return _new_constraint(is_["definition"], columns)
    if was is None or is_ is None:
        return _no_constraint((was or {})["definition"])
    if property_ == "name":
        return breaks_writers("services know it by name, from errors and ON CONFLICT ON CONSTRAINT")
    if property_ == "enforcement":
        return _enforcement("enforcement" not in is_)
    if property_ == "options":
        return same("its index is stored differently")
    return _other_constraint(was["definition"], is_["definition"])


def judge_index(
    property_: str | None, was: Properties | None, is_: Properties | None, columns: ColumnsAfter
) -> Judgement:
    """Judge a change of an index; `columns` are those of its table."""
    unique = [
        about is not None and about["definition"].startswith("CREATE UNIQUE")
        for about in (was, is_)
    ]
    if property_ == "validity":
        return (
            same("the index is built again")
            if "validity" not in (is_ or {})
            else more("statements that used it read more rows")
        )
    if not any(unique):
        if is_ is None:
            return more("statements that used it read more rows")
        return same("results are the same")
    if was is None and is_ is not None:
        return _new_unique(is_["definition"].partition(" USING ")[2], columns)
    if is_ is None or unique == [True, False]:
        return breaks_both("ON CONFLICT finds no index (42P10), and duplicates may appear")
    if property_ == "name":
        return breaks_writers("services know it by name, from errors")
    return breaks_both("it is unique by other values: ON CONFLICT may find no index (42P10)")


def judge_trigger(
    property_: str | None, was: Properties | None, is_: Properties | None
) -> Judgement:
    """Judge a change of a trigger."""
    if is_ is None or (property_ == "state" and is_.get("state") == "disabled"):
        return breaks_readers("what the trigger did no longer happens")
    if property_ == "name":
        return same("it does the same")
    if was is None and is_["definition"].endswith(_OWN_TRIGGER):
        return more("it sets updated_at")
    return breaks_writers("it may change or refuse a row that is written: read it")


def refuses_deletes(constraints: dict[str, Properties]) -> list[str]:
    """The names of foreign keys that prevent a delete of the referenced row."""
    return [
        name
        for name, about in constraints.items()
        if about["definition"].startswith("FOREIGN KEY") and not _deletes(about["definition"])
    ]


def _deletes(definition: str) -> bool:
    """Whether a foreign key allows a delete of the referenced row."""
    found = _ON_DELETE.search(definition)
    return found is not None and found[1] != "RESTRICT"


def _new_constraint(definition: str, columns: ColumnsAfter) -> Judgement:
    if definition.startswith("FOREIGN KEY"):
        own = definition.partition(" REFERENCES ")[0]
        if not _deletes(definition):
            return breaks_writers("a row that it refers to cannot be deleted (23503)")
        if columns.only_new(own):
            return more("it concerns only new columns")
        return breaks_writers("a reference to a missing row fails (23503)")
    if definition.startswith("CHECK"):
        if columns.only_new(definition):
            return more("it concerns only new columns")
        return breaks_writers("a value that it excludes fails (23514)")
    return _new_unique(definition, columns)


def _new_unique(text: str, columns: ColumnsAfter) -> Judgement:
    """Judge a new constraint or index that is unique.

    A writer that does not know its new columns must still write rows that differ.
    """
    new = [columns.all[name] for name in columns.named(text) & columns.new]
    differ = any(
        "(" in column.get("default", "") or not {"default", "nullability"} & column.keys()
        for column in new
    )
    if differ and "NULLS NOT DISTINCT" not in text:
        return more("it concerns only new columns, in which no two rows have the same value")
    return breaks_writers("a second row with the same value fails (23505)")


def _no_constraint(definition: str) -> Judgement:
    if definition.startswith("CHECK"):
        return more("values that it excluded may appear")
    if definition.startswith("FOREIGN KEY"):
        return breaks_readers("a referenced row may be missing, and a delete does not cascade")
    return breaks_both("ON CONFLICT finds no constraint (42704), and duplicates may appear")


def _enforcement(is_enforced: bool) -> Judgement:
    if is_enforced:
        return breaks_writers("it is enforced")
    return breaks_readers("it is not enforced")


def _other_constraint(was: str, is_: str) -> Judgement:
    if _bare(was) == _bare(is_):
        if was.endswith(_NOT_ENFORCED) != is_.endswith(_NOT_ENFORCED):
            return _enforcement(not is_.endswith(_NOT_ENFORCED))
        if is_.endswith(_NOT_VALID):
            return breaks_readers("old rows need not satisfy it")
        return same("old rows are checked")
    if is_.startswith("FOREIGN KEY") and _ON_DELETE.sub("", was) == _ON_DELETE.sub("", is_):
        if not _deletes(is_):
            return breaks_writers("a row that it refers to cannot be deleted (23503)")
        return breaks_readers("a delete treats the rows that refer to it differently")
    if is_.startswith("CHECK") and _allows_more(was, is_):
        return more("values that it excluded may appear")
    if is_.startswith("CHECK"):
        return breaks_writers("a value that it excludes now fails (23514)")
    return breaks_both("the constraint is different")


def _bare(definition: str) -> str:
    """The definition of a constraint without the words about which rows it applies to."""
    return definition.removesuffix(_NOT_VALID).removesuffix(_NOT_ENFORCED)


def _allows_more(was: str, is_: str) -> bool:
    """Whether a check is the same list of values, with more values."""
    if "= ANY (ARRAY[" not in was or "= ANY (ARRAY[" not in is_:
        return False
    before, after = _LITERAL.findall(was), _LITERAL.findall(is_)
    rest = [re.sub(r"\?(::[a-z ]+)?(, )?", "", _LITERAL.sub("?", text)) for text in (was, is_)]
    return rest[0] == rest[1] and set(before) < set(after)
