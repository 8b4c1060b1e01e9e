"""The services' statements, as schema/queries/*.sql has them."""

import re
from dataclasses import dataclass

from benchmarks.server import ROOT

FOLDER = ROOT / "schema" / "queries"

#: What a statement gives, as sqlc calls it.
KINDS = ("one", "many", "exec", "execrows")
_HEAD = re.compile(r"^-- name: (\w+) :(\w+)\n((?:--.*\n)*)", re.MULTILINE)
_INDEX = re.compile(r"^-- index: (.+)\n\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with `$1`, `$2`, …, without the semicolon at its end."""

    name: str
    kind: str
    #: The file that it is in, such as users.sql.
    file: str
    #: The indexes that serve it, as its comment says; none for an INSERT without ON CONFLICT.
    indexes: frozenset[str]
    sql: str

    @property
    def parameters(self) -> int:
        """How many parameters it takes."""
        return max((int(number) for number in re.findall(r"\$(\d+)", self.sql)), default=0)


def parse(text: str, file: str) -> list[Statement]:
    """The statements of a file. Raises `ValueError` for one that does not say its index."""
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
    for path in sorted(FOLDER.glob("*.sql"))
    for statement in parse(path.read_text(), path.name)
}


def sql(name: str) -> str:
    """The SQL of the statement of that name."""
    return STATEMENTS[name].sql


def replace(text: str, *pairs: str) -> str:
    """Put `pairs[1]` in the place of `pairs[0]`, and so on.

    Raises `ValueError` where one of them is not there, or more than once.
    """
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is not in {text!r} once")
        text = text.replace(old, new)
    return text
