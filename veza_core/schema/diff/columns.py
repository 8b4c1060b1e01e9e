"""What a change of a column breaks."""

import re

from veza_core.schema.diff.judgement import (
    Judgement,
    breaks_both,
    breaks_readers,
    breaks_writers,
    more,
    same,
)
from veza_core.schema.snapshot import Properties

_TYPE = re.compile(r"(?P<base>[a-z ]+)(?:\((?P<numbers>[\d,-]+)\))?(?P<array>\[\])?")
_TEXTS = ("character varying", "text")
_INTEGERS = ("smallint", "integer", "bigint")
_FILLED = ("default", "generated", "identity")
_STORED = ("storage", "compression", "statistics", "options")


def judge_column(
    property_: str | None, was: Properties | None, is_: Properties | None
) -> Judgement:
    """Judge a change of one property, or a new column (`was` is None), or a dropped one."""
    if was is None or is_ is None:
        return _new(is_) if is_ is not None else breaks_both("statements that name it fail (42703)")
    if property_ in _STORED:
        return same("it is stored differently")
    judge = _PROPERTIES.get(property_ or "")
    return judge(was, is_) if judge else breaks_both(f"its {property_} changed")


def has_value(column: Properties) -> bool:
    """Whether a row gets a value if an INSERT does not name the column."""
    return any(key in column for key in _FILLED)


def _new(column: Properties) -> Judgement:
    if "nullability" in column and not has_value(column):
        return breaks_writers("an INSERT that leaves it out fails (23502): give it a default")
    return more("statements that name their columns do not see it")


def _type(was: Properties, is_: Properties) -> Judgement:
    other = breaks_both("programs read and write a value of a different type")
    before, after = _TYPE.fullmatch(was["type"]), _TYPE.fullmatch(is_["type"])
    if before is None or after is None or before["array"] != after["array"]:
        return other
    old, new = before["base"], after["base"]
    if old in _TEXTS and new in _TEXTS:
        if _length(after["numbers"]) >= _length(before["numbers"]):
            return more("values may be longer")
        return breaks_writers("a longer value fails (22001)")
    if old in _INTEGERS and new in _INTEGERS:
        if _INTEGERS.index(new) > _INTEGERS.index(old):
            return breaks_readers("a larger value overflows a program's variable")
        return breaks_both("a larger value fails (22003), and programs read a different type")
    if old == new == "numeric" and _is_wider(before["numbers"], after["numbers"]):
        return more("values may be larger")
    return other


def _length(numbers: str | None) -> float:
    return int(numbers) if numbers else float("inf")


def _is_wider(was: str | None, is_: str | None) -> bool:
    """Whether a numeric's precision grew, with the same scale."""
    if was is None or is_ is None:
        return False
    (before, *scale), (after, *new_scale) = was.split(","), is_.split(",")
    return int(after) > int(before) and scale == new_scale


def _nullability(was: Properties, is_: Properties) -> Judgement:
    before, after = was.get("nullability"), is_.get("nullability")
    if before is None:
        return breaks_writers("NULL fails (23502)")
    if before == "NOT NULL":
        return breaks_readers("it may be NULL")
    return same("old rows are checked") if after == "NOT NULL" else more("NULL is allowed again")


def _default(was: Properties, is_: Properties) -> Judgement:
    if "default" in is_:
        return more("an INSERT that leaves it out writes a different value")
    if "nullability" in is_ and not has_value(is_):
        return breaks_writers("an INSERT that leaves it out fails (23502)")
    return more("an INSERT that leaves it out writes NULL")


def _generated(was: Properties, is_: Properties) -> Judgement:
    if "generated" not in was:
        return breaks_both("writing it fails (428C9), and its value is computed")
    return breaks_readers("its value is computed differently, or no longer")


def _identity(was: Properties, is_: Properties) -> Judgement:
    if is_.get("identity") == "ALWAYS":
        return breaks_writers("writing it fails (428C9)")
    if "identity" in is_:
        return more("a value may be given or left out")
    return breaks_writers("an INSERT that leaves it out fails (23502)")


_PROPERTIES = {
    "name": lambda was, is_: breaks_both("statements that name it fail (42703)"),
    "type": _type,
    "nullability": _nullability,
    "default": _default,
    "generated": _generated,
    "identity": _identity,
    "collation": lambda was, is_: breaks_readers("it is sorted and compared differently"),
}
