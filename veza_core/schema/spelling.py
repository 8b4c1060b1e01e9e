"""Rewrites the SQL of PostgreSQL's catalog functions in the form that people write.

PostgreSQL writes every cast, and quotes every word of its grammar. Only what has no effect is left
out here: each export loads the files, and compares the catalogs (`exporting.prove`).
"""

import re
from collections.abc import Callable

from veza_core.schema.quoting import ident

_TYPES = [
    (re.compile(r"^character varying"), "varchar"),
    (re.compile(r"^character(?=\(|$)"), "char"),
    (re.compile(r"^bit varying"), "varbit"),
    (re.compile(r"^(timestamp|time)(\(\d\))? with time zone"), r"\1tz\2"),
    (re.compile(r"^(timestamp|time)(\(\d\))? without time zone"), r"\1\2"),
    (re.compile(r"(?<=\d),(?=-?\d)"), ", "),
]

_LITERAL = re.compile(r"E?'(?:[^']|'')*'")
_QUOTED = re.compile(r'"([a-z_][a-z0-9_]*)"')
# Replaces a literal while an expression is rewritten.
_MARK = "\0\\d+\0"
_LONG = (
    r"character varying|bit varying|double precision"
    r"|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone"
    r"|interval (?:year|month|day|hour|minute|second)(?: to (?:month|hour|minute|second))?"
)
_TYPE = rf'(?:"?\w+"?\.)?(?:{_LONG}|\w+)(?:\(\d+\))?(?:\[\])*'
_EXPRESSIONS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    # status = 'pending'::public.transcode_status
    (re.compile(rf"(?<= )(<>|[<>]?=|[<>]) ({_MARK})::{_TYPE}"), r"\1 \2"),
    # permission::text = ANY (ARRAY['stream'::character varying, …]::text[]): IN adds both casts by
    # itself. permission::text = ANY (ARRAY['stream'::text, …]): the cast of the column must stay.
    (
        re.compile(
            rf"(\w+)(::text)? = ANY \(ARRAY\[({_MARK}(?:::{_TYPE})?"
            rf"(?:, {_MARK}(?:::{_TYPE})?)*)\](::{_TYPE})?\)"
        ),
        lambda match: (
            f"{match[1]}{'' if match[4] else match[2] or ''} "
            f"IN ({re.sub(f'::{_TYPE}', '', match[3])})"
        ),
    ),
    # length(name::text)
    (re.compile(r"\b(length|lower|upper)\((\w+)::text\)"), r"\1(\2)"),
    # completion_rate >= 0::numeric
    (re.compile(r"([<>=] -?\d+)::numeric\b"), r"\1"),
]


def type_name(type_: str) -> str:
    """Return `character varying(255)` as `varchar(255)`; a type with a schema does not change."""
    if "." in type_ or '"' in type_:
        return type_
    for pattern, replacement in _TYPES:
        type_ = pattern.sub(replacement, type_)
    return type_


def column_type(type_: str) -> str:
    """Return a type for CREATE TABLE, with PostgreSQL's own types in capitals."""
    name = type_name(type_)
    return name if "." in name or '"' in name else name.upper()


def expression(text: str) -> str:
    """Return a check, an index or a predicate without redundant casts and quotes."""
    literals: list[str] = []

    def set_aside(match: re.Match[str]) -> str:
        literals.append(match[0])
        return f"\0{len(literals) - 1}\0"

    text = _LITERAL.sub(set_aside, text)
    for pattern, replacement in _EXPRESSIONS:
        text = pattern.sub(replacement, text)
    text = _QUOTED.sub(lambda match: ident(match[1]), text)
    return re.sub("\0(\\d+)\0", lambda match: literals[int(match[1])], text)


def default(text: str, type_: str) -> str:
    """Return a column's default. A literal needs no cast to the column's own type."""
    match = re.fullmatch(rf"({_LITERAL.pattern})::(.+)", text)
    if match and match[2] == re.sub(r"\(.*?\)", "", type_):
        return match[1]
    return expression(text)
