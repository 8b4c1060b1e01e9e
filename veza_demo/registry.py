"""The tables to fill. Each has a function with its name in `tables/`, marked with `table`."""

from collections.abc import Callable
from typing import Any

from veza_demo.counts import Counts

#: Gets rows of the table (`tables.base.Rows`), and returns their columns.
type Writer = Callable[[Any], dict[str, Any]]

#: The function that writes a table's columns, by the table's name.
WRITERS: dict[str, Writer] = {}
#: The number of a table's rows.
ROWS: dict[str, Callable[[Counts], int]] = {}


def table(rows: Callable[[Counts], int]) -> Callable[[Writer], Writer]:
    """Mark the function that writes the columns of the table with its name.

    `rows` returns the number of the table's rows from the counts of the set.
    """

    def register(writer: Writer) -> Writer:
        WRITERS[writer.__name__] = writer
        ROWS[writer.__name__] = rows
        return writer

    return register


def rows_of_tables(counts: Counts) -> dict[str, int]:
    """Rows by table. roles, permissions and role_permissions have the migrations' rows."""
    return {table: rows(counts) for table, rows in ROWS.items()}
