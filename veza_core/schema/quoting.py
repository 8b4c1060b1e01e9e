"""Names and values as SQL writes them, for messages and for statements."""

import re

from veza_core.db.url import MAX_NAME_BYTES
from veza_core.visible import visible

#: Words that need quotes as the name of a table or column: `pg_get_keywords()`, catcode R and T,
#: of PostgreSQL 15 to 18.
_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable
    desc distinct do else end except false fetch for foreign freeze from full grant group having
    ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user similar some symmetric
    system_user table tablesample then to trailing true union unique user using variadic verbose
    when where window with
"""
RESERVED = frozenset(_WORDS.split())

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


def ident(name: str) -> str:
    """Return the name as SQL writes it: quoted only if necessary."""
    if _PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """Return schema, table and so on as one name with dots."""
    return ".".join(ident(name) for name in names)


def columns(names: tuple[str, ...]) -> str:
    """Return column names as a list in SQL, without the parentheses."""
    return ", ".join(ident(name) for name in names)


def literal(text: str) -> str:
    """Return the text as a constant in SQL, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def clip(name: str) -> str:
    """Cut a name as PostgreSQL does, to 63 bytes and never inside a character."""
    if name.isascii():
        return name[:MAX_NAME_BYTES]
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def snake(name: str) -> str:
    """Return the name in snake_case: `userId` and `User ID` give `user_id`."""
    if _SNAKE.fullmatch(name):
        return name
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def without_controls(text: str) -> str:
    """Return the text without control characters, so that it stays on its line and in its
    comment.
    """
    return visible(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text))
