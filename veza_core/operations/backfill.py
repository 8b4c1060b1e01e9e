"""Operations that fill rows in batches, while services run; docs/changing.md, "Fill rows".

A condition is true for the rows that are not filled yet. So after a kill the next run continues,
and a second run finds nothing to do.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import NotInTransactionMixin
from django.db.migrations.state import ProjectState

from veza_core.db.distribution import asking, read_distribution
from veza_core.db.operations import ForwardOperation
from veza_core.operations.backfill_run import BackfillRun, FillReport, SpreadRun


class Backfill(NotInTransactionMixin, ForwardOperation):
    """Update rows in batches: `Backfill("tracks", {"key": "lower(title)"}, where="key IS NULL")`.

    `values` has an SQL expression for each column, which may use the others. `where` is an SQL
    condition that is true for rows that are not filled yet, and false for filled rows. So the
    operation can be killed and run again. The migration needs `atomic = False`.
    """

    atomic = False
    #: Gets reports of the progress; `migrate` sets it.
    report = FillReport()

    def __init__(self, table: str, values: Mapping[str, str], where: str) -> None:
        self.table = table
        self.values = values
        self.where = where

    def statement(self, quote: Any, source: str, rows: str) -> str:
        """The statement that changes the rows of `source` for which the condition `rows` is true.

        It returns for each row whether `where` is still true.
        """
        assignments = ", ".join(f"{quote(name)} = {value}" for name, value in self.values.items())
        return (
            f"UPDATE {source} AS {quote(self.table)} SET {assignments} "
            f"WHERE {rows} RETURNING ({self.where})"
        )

    def left(self, quote: Any, source: str, rows: str) -> str:
        """A query that returns whether `where` is still true; empty if `statement` returns it."""
        return ""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Fill the rows. Raises `CommandError` if unfilled rows remain, and `DatabaseError`."""
        self._ensure_not_in_transaction(schema_editor)
        if schema_editor.collect_sql:
            table = f"ONLY {schema_editor.quote_name(self.table)}"
            limit = settings.BACKFILL_BATCH_SIZE
            rows = f"ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {self.where} LIMIT {limit}))"
            schema_editor.execute(
                "-- in batches, each in a separate transaction, until no row is left", None
            )
            schema_editor.execute(self.statement(schema_editor.quote_name, table, rows), None)
            return
        connection = schema_editor.connection
        distribution = read_distribution(asking(connection))
        if distribution and self.table in {*distribution.spread, *distribution.copied}:
            # By key, not by position: a row's copies have different ones. Rule 1: each has an id.
            key = distribution.spread.get(self.table, "id")
            SpreadRun(self, connection, key).walk_until_done()
        else:
            BackfillRun(self, connection).walk_until_done()

    def describe(self) -> str:
        return f"Fill {', '.join(self.values)} of {self.table} in batches"

    @property
    def migration_name_fragment(self) -> str:
        return f"fill_{self.table}_{'_'.join(self.values)}"


class CopyRows(Backfill):
    """Insert rows into a table from another one, in batches, as `Backfill` updates them.

    `values` has, for each column of `into`, an SQL expression over the columns of `table`. `where`
    is true for the rows of `table` that are not copied yet, as in `NOT EXISTS (SELECT FROM …)`.
    """

    def __init__(self, into: str, table: str, values: Mapping[str, str], where: str) -> None:
        super().__init__(table, values, where)
        self.into = into

    def statement(self, quote: Any, source: str, rows: str) -> str:
        columns = ", ".join(quote(name) for name in self.values)
        # A row may become several rows, or none if these exist already.
        return (
            f"INSERT INTO {quote(self.into)} ({columns}) "
            f"SELECT {', '.join(self.values.values())} FROM {source} AS {quote(self.table)} "
            f"WHERE {rows}"
        )

    def left(self, quote: Any, source: str, rows: str) -> str:
        return (
            f"SELECT true FROM {source} AS {quote(self.table)} "
            f"WHERE {rows} AND ({self.where}) LIMIT 1"
        )

    def describe(self) -> str:
        return f"Copy rows of {self.table} to {self.into} in batches"

    @property
    def migration_name_fragment(self) -> str:
        return f"copy_{self.table}_to_{self.into}"
