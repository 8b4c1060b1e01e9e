"""Whether a trigger sets `updated_at`. Its function shows this, not its name."""

import re

from veza_core.schema.audit.objects import Function, Trigger

COLUMN = "updated_at"
_NEW = rf"\bnew\s*\.\s*\"?{COLUMN}\"?"

# The beginning of a PL/pgSQL statement: elsewhere, `=` compares.
_STATEMENT = r"(?:^|;|>>|\b(?:begin|then|else|loop))\s*"
_ASSIGNS = re.compile(
    rf"(?:{_STATEMENT}{_NEW}\s*=|{_NEW}\s*:=)\s*"
    # An assignment of the old or the new value does not set the time.
    rf"(?!\(*\s*(?:old|new)\s*\.\s*\"?{COLUMN}\"?\s*\)*\s*;)"
)
_SELECTS_INTO = re.compile(rf"\binto\s+(?:strict\s+)?(?:[^;]*?,\s*)?{_NEW}")
# NEW := jsonb_populate_record(NEW, …), NEW := NEW #= hstore(…): a string names the column.
_REPLACES = re.compile(
    rf"(?:{_STATEMENT}new\s*:?=[^;]*?(?:jsonb?_populate_record\b|\#=)"
    r"|\bjsonb?_populate_record\b[^;]*\binto\s+(?:strict\s+)?new\b(?!\s*\.))"
)
# PL/Python: TD["new"]["updated_at"] = …; PL/Perl: $_TD->{new}{updated_at} = …; PL/v8 as in SQL.
_OTHERS_ASSIGN = re.compile(
    rf"\bnew\b[\"'\]}}>.\-]*[\[{{.]?\s*[\"']?{COLUMN}[\"']?\s*[\]}}]?\s*=(?![=~])"
)
_READABLE = frozenset(["plpgsql", "plpython3u", "plperl", "plperlu", "plv8"])

_TEXT_OR_COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)


def is_readable(function: Function) -> bool:
    """Whether its source is in a language that we can read."""
    return function.language in _READABLE or _is_moddatetime(function)


def sets_the_time(trigger: Trigger) -> bool:
    """Whether the function sets the column, in NEW or by an UPDATE of the row."""
    function = trigger.function
    if _is_moddatetime(function):
        return COLUMN in trigger.arguments
    if function.language != "plpgsql":
        return _OTHERS_ASSIGN.search(function.source.lower()) is not None
    source = _TEXT_OR_COMMENT.sub(lambda found: found[1] or " ", function.source).lower()
    code = re.sub(r"'(?:[^']|'')*'", "''", source)
    if _ASSIGNS.search(code) or _SELECTS_INTO.search(code) or _updates(code, trigger):
        return True
    named = COLUMN in trigger.arguments or re.search(rf"['\"]{COLUMN}['\"]", source)
    return bool(named and _REPLACES.search(code))


def _is_moddatetime(function: Function) -> bool:
    """Whether it is the function of the extension moddatetime, which gets the column's name."""
    return function.language == "c" and function.source == "moddatetime"


def _updates(code: str, trigger: Trigger) -> bool:
    """Whether the function updates the row again, as that of an AFTER trigger must."""
    name = re.escape(trigger.table.name.lower())
    return bool(
        re.search(
            rf"\bupdate\s+(?:only\s+)?(?:\"?\w+\"?\s*\.\s*)?\"?{name}\"?\s[^;]*?"
            rf"\bset\s(?:(?!\bwhere\b)[^;])*?\"?{COLUMN}\"?\s*=",
            code,
        )
    )
