"""How many objects the schema has, counted in its contract.

tests/schema/test_contract.py compares them with the database.
"""

from tests.schema import contract
from veza_core.db.schema_version import declared_version

_TABLES = contract.parse(contract.DOCUMENT.read_text()).tables.values()
_CONSTRAINTS = [text for table in _TABLES for text in table.constraints.values()]

TABLES = len(_TABLES)
FOREIGN_KEYS = sum(text.startswith("FOREIGN KEY") for text in _CONSTRAINTS)
INDEXES = sum(len(table.indexes) for table in _TABLES)
TRIGGERS = sum(len(table.triggers) for table in _TABLES)

#: As `migrate` and others print them.
SUMMARY = (
    f"schema public {declared_version()}: {TABLES} tables, {FOREIGN_KEYS} foreign keys, "
    f"{INDEXES} indexes, {TRIGGERS} triggers"
)
