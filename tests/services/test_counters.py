"""Counters: where they are declared, in docs/services.md, in the statements, in the catalog."""

import re

from benchmarks.queries.statements import STATEMENTS, sql
from tests.counters import COUNTED
from tests.services.test_document import names, table
from veza_core.counters import declared_counters

KEYS = """SELECT conrelid::regclass::text, attname, confrelid::regclass::text
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace"""
COUNTERS = [
    (table, counter) for table, counters in declared_counters().items() for counter in counters
]


def test_what_is_declared_is_what_the_tests_count():
    assert {(table, counter.column) for table, counter in COUNTERS} == set(COUNTED)


def test_each_is_in_the_document():
    told = [
        (cell, rows.removeprefix("live ").split()[0].strip(","))
        for cell, rows, _ in table("column")
    ]
    declared_ones = [(f"{parent}.{counter.column}", counter.rows) for parent, counter in COUNTERS]
    assert told == declared_ones


def test_each_counts_by_a_foreign_key(first):
    keys = {(child, column): parent for child, column, parent in first.execute(KEYS)}
    for parent, counter in COUNTERS:
        assert keys[counter.rows, counter.key] == parent


def test_each_statement_that_changes_what_is_counted_changes_the_counter():
    """Except plays, whose counter has a separate statement."""
    changing = {counter.column: set() for _, counter in COUNTERS}
    for name in STATEMENTS:
        for parent, counter in COUNTERS:
            rows = counter.rows
            if counter.only_grows:
                changes = rf"UPDATE {parent} SET {counter.column}"
            else:
                changes = (
                    rf"INSERT INTO {rows}\b|UPDATE {rows}\s+SET deleted_at|DELETE FROM {rows}\b"
                )
            if re.search(changes, sql(name)):
                assert re.search(rf"UPDATE {parent} SET {counter.column}", sql(name)), name
                changing[counter.column].add(name)
    told = {cell.split(".")[1]: names(by.split(": ")[1]) for cell, _, by in table("column")}
    assert told == changing
