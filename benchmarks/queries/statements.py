"""The services' statements, from schema/queries/*.sql."""

import re
from dataclasses import dataclass

from benchmarks.server import ROOT

DIRECTORY = ROOT / "schema" / "queries"

#: The kind of a statement's result, in sqlc's words.
KINDS = ("one", "many", "exec", "execrows")
_HEAD = re.compile(r"^-- name: (\w+) :(\w+)\n((?:--.*\n)*)", re.MULTILINE)
_INDEX = re.compile(r"^-- index: (.+)\n\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with `$1`, `$2`, …, without its final semicolon."""

    name: str
    kind: str
    #: Its file, such as users.sql.
    file: str
    #: The indexes that it uses, from its comment; none for an INSERT without ON CONFLICT.
    indexes: frozenset[str]
    sql: str

    @property
    def parameters(self) -> int:
        """The number of its parameters."""
        return count_parameters(self.sql)


def count_parameters(sql: str) -> int:
    """Return the number of the last parameter, `$1`, `$2`, …, in an SQL statement."""
    return max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)


def parse(text: str, file: str) -> list[Statement]:
    """Return the statements of a file. Raises `ValueError` if one does not name its index."""
    _, *parts = _HEAD.split(text)
    found = []
    for name, kind, comment, sql in zip(*(parts[n::4] for n in range(4)), strict=True):
        index = _INDEX.search(comment)
        if kind not in KINDS or not index or not sql.rstrip().endswith(";"):
            raise ValueError(
                f"{file}, {name}: it needs one of {', '.join(KINDS)}, a last line of comment "
                "`-- index: …`, and a semicolon"
            )
        indexes = frozenset(index[1].split(", ")) - {"none"}
        found.append(Statement(name, kind, file, indexes, sql.strip().removesuffix(";")))
    return found


STATEMENTS = {
    statement.name: statement
    for path in sorted(DIRECTORY.glob("*.sql"))
    for statement in parse(path.read_text(), path.name)
}


def sql(name: str) -> str:
    """Return the SQL of the statement with that name."""
    return STATEMENTS[name].sql


def replace(text: str, *pairs: str) -> str:
    """Replace `pairs[0]` by `pairs[1]`, and so on.

    Raises `ValueError` if one of them is missing, or appears more than once.
    """
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is not in {text!r} once")
        text = text.replace(old, new)
    return text
