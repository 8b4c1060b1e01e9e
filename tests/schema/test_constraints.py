"""Every check, unique index and foreign key is violated once, by plain SQL."""

import uuid

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from tests.schema.rows import violates
from tests.schema.values import accepted, refused

proves = pytest.mark.proves


def test_checks(live, document, rows, case):
    """By the words of docs/schema.md, so that a check that accepts too much is found too."""
    checks = {
        name: table
        for table, definitions in live.tables.items()
        for name, definition in definitions.constraints.items()
        if definition.startswith("CHECK")
    }
    assert checks.keys() == document.checks.keys()
    for name, (table, column, words) in document.checks.items():
        types = {name: each.type for name, each in live.tables[table].columns.items()}
        what = (column, words, types, document.enums)
        with case(name):
            id_ = rows.insert(table)
            for values in refused(*what):
                with violates(CheckViolation, name):
                    rows.insert(table, **values)
                with violates(CheckViolation, name):
                    rows.change(table, id_, **values)
        for values in accepted(*what):
            with case(f"{name} lets in {str(values)[:40]}"):
                rows.insert(table, **values)


def test_unique_indexes(live, rows, case):
    for index in live.indexes:
        if not index.unique or not index.is_plain:
            continue
        with case(index.name):
            values = rows.values_for(index.table, index.columns)
            rows.insert(index.table, **values)
            with violates(UniqueViolation, index.name):
                rows.insert(index.table, **values)


@proves("so that a deleted row never blocks a new one.")
def test_a_deleted_row_never_blocks_a_new_one(live, rows, case):
    for index in live.indexes:
        if (
            not index.unique
            or index.primary
            or not index.is_plain
            or "deleted_at" not in live.tables[index.table].columns
        ):
            continue
        with case(index.name):
            values = rows.values_for(index.table, index.columns)
            for _ in range(2):
                rows.update(index.table, rows.insert(index.table, **values), "deleted_at = now()")
            rows.insert(index.table, **values)
            with violates(UniqueViolation, index.name):
                rows.insert(index.table, **values)


def test_nothing_given_is_never_a_duplicate(live, rows, case):
    """If a unique column is nullable, any number of rows may leave it out."""
    for index in live.indexes:
        if (
            not index.is_plain
            or "NULLS NOT DISTINCT" in live.tables[index.table].indexes[index.name]
        ):
            continue
        columns = live.tables[index.table].columns
        nullable = [name for name in index.columns if index.unique and columns[name].nullable]
        if nullable:
            with case(index.name):
                for _ in range(2):
                    rows.insert(index.table, **dict.fromkeys(nullable))


def test_foreign_keys(live, rows, case):
    """An orphan fails at its own statement: nothing here is committed."""
    for key in live.foreign_keys:
        with case(key.name):
            with violates(ForeignKeyViolation, key.name):
                rows.insert(key.table, **{key.column: uuid.uuid4()})
            id_ = rows.insert(key.table)
            with violates(ForeignKeyViolation, key.name):
                rows.update(key.table, id_, f"{key.column} = gen_random_uuid()")
