"""Reads docs/schema.md into the catalog that PostgreSQL must have.

The rest is returned as prose, which other tests quote and prove.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.schema.notation import ContractError, TableReader
from tests.schema.shape import Table

DOCUMENT = Path(__file__).parents[2] / "docs" / "schema.md"


@dataclass
class Contract:
    """All that the document says."""

    migrations: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    enums: dict[str, list[str]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    not_feeds: list[str] = field(default_factory=list)
    #: The patterns of a system role's permissions, by the role's name.
    roles: dict[str, list[str]] = field(default_factory=dict)
    #: The remark on a column in parentheses, by (table, column).
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    #: The checks by their names: table, column, and the words that define it.
    checks: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    prose: list[str] = field(default_factory=list)
    #: Storage parameters, as PostgreSQL writes them, and the tables that have them.
    storage: list[tuple[set[str], list[str]]] = field(default_factory=list)


def parse(text: str) -> Contract:
    """Read the document's text. Raises `ContractError` for notation that cannot be read."""
    contract = Contract()
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("#"):
            _read_heading(contract, paragraph)
        elif paragraph.startswith("|"):
            _read_markdown_table(contract, paragraph)
        elif paragraph.startswith("**"):
            for entry in re.split(r"\n(?=\*\*)", paragraph):
                _read_entry(contract, " ".join(entry.split()))
        else:
            _read_prose(contract, " ".join(paragraph.split()))
    for parameters, tables in contract.storage:
        for name in contract.tables.keys() & tables:
            contract.tables[name].storage |= parameters
    return contract


def _read_heading(contract: Contract, paragraph: str) -> None:
    title = paragraph.lstrip("# ")
    if re.match(r"\d{3} ", title):
        contract.migrations.append(title.lower().replace(" ", "_"))
    else:
        contract.prose.append(title)


def _read_markdown_table(contract: Contract, paragraph: str) -> None:
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in paragraph.splitlines()
    )
    if header == ["type", "values"]:
        contract.enums = {name.strip("`"): values.split(", ") for name, values in rows}
    elif header == ["role", "permissions"]:
        for role, permissions in rows:
            inherited = re.match(r"those of (\w+), ", permissions)
            contract.roles[role.strip("`")] = [
                *(contract.roles.get(inherited[1], []) if inherited else []),
                *re.findall(r"`([^`]+)`", permissions),
            ]
    elif header == ["storage parameters", "tables"]:
        contract.storage = [
            ({item.replace(" = ", "=") for item in parameters.split(", ")}, tables.split(", "))
            for parameters, tables in rows
        ]
    else:
        raise ContractError(f"what table is this? {header}")


def _read_prose(contract: Contract, paragraph: str) -> None:
    contract.prose.append(paragraph)
    if extensions := re.match(
        r"The extensions `(\S+)` and `(\S+)` .*? extension `(\S+)`\.", paragraph
    ):
        contract.extensions = sorted(extensions.groups())
    if feeds := re.search(r"every table is a feed, except (.*?)\.", paragraph):
        contract.not_feeds = re.findall(r"`(\w+)`", feeds[1])


def _read_entry(contract: Contract, entry: str) -> None:
    head = re.match(r"\*\*(\w+)\*\*( \(soft\))?:? ", entry)
    if not head or head[1] in contract.tables:
        raise ContractError(f"how does this table begin, or is it here twice? {entry}")
    reader = TableReader(head[1], soft=bool(head[2]), enums=contract.enums)
    reader.read(entry[head.end() :])
    contract.tables[head[1]] = reader.table
    contract.notes |= {(head[1], column): note for column, note in reader.notes.items()}
    contract.checks |= {name: (head[1], *check) for name, check in reader.checks.items()}
    contract.prose += reader.prose
