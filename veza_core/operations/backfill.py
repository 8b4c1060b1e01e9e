"""Operations that fill rows in batches, beside running services; docs/changing.md, "Fill rows".

The rows themselves tell what is done: a condition is true of the rows that are not filled yet. So
after a kill the next run continues, and a second run finds nothing to do.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.postgres.operations import NotInTransactionMixin
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from veza_core.db.distribution import asking, read_distribution
from veza_core.db.operations import ForwardOperation
from veza_core.operations.backfill_run import FillReport, Run, SpreadRun


class Backfill(NotInTransactionMixin, ForwardOperation):
    """Update rows in batches: `Backfill("tracks", {"key": "lower(title)"}, where="key IS NULL")`.

    `values` has an SQL expression for each column, which may name the others. `where` is an SQL
    condition that is true of the rows that are still to be filled, and no longer once they are:
    it makes the operation safe to kill and to run again. The migration needs `atomic = False`.
    """

    atomic = False
    #: What hears of its progress; `migrate` puts itself here.
    report = FillReport()

    def __init__(self, table: str, values: Mapping[str, str], where: str) -> None:
        self.table = table
        self.values = values
        self.where = where

    def statement(self, quote: Any, source: str, rows: str) -> str:
        """What changes the rows of `source` of which the condition `rows` is true.

        It returns, of each, whether `where` still holds.
        """
        assignments = ", ".join(f"{quote(name)} = {value}" for name, value in self.values.items())
        return (
            f"UPDATE {source} AS {quote(self.table)} SET {assignments} "
            f"WHERE {rows} RETURNING ({self.where})"
        )

    def left(self, quote: Any, source: str, rows: str) -> str:
        """A query of its own for that, where the statement cannot return it."""
        return ""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Fill them. Raises `CommandError` when that comes to no end, `DatabaseError` else."""
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
            # The place of a row is another one in each copy (rule 1: every table has an id).
            key = distribution.spread.get(self.table, "id")
            SpreadRun(self, connection, key).walk_until_done()
        else:
            Run(self, connection).walk_until_done()

    def describe(self) -> str:
        return f"Fill {', '.join(self.values)} of {self.table} in batches"

    @property
    def migration_name_fragment(self) -> str:
        return f"fill_{self.table}_{'_'.join(self.values)}"


class CopyRows(Backfill):
    """Insert into a table what the rows of another have, in batches, as `Backfill` updates them.

    `values` has, for each column of `into`, an SQL expression over the columns of `table`. `where`
    is true of the rows of `table` that are not copied yet, as in `NOT EXISTS (SELECT FROM …)`.
    """

    def __init__(self, into: str, table: str, values: Mapping[str, str], where: str) -> None:
        super().__init__(table, values, where)
        self.into = into

    def statement(self, quote: Any, source: str, rows: str) -> str:
        columns = ", ".join(quote(name) for name in self.values)
        # A row may become several, or none where they are there already.
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
