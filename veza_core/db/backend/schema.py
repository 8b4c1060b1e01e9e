"""Django's DDL, adapted to the Standard: schemas, and names of foreign keys."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from itertools import groupby
from typing import Any, Self

from django.conf import settings
from django.db.backends.ddl_references import ForeignKeyName, Statement
from django.db.backends.postgresql import schema
from django.db.models import Model

from veza_core.db.fetch import fetch_row
from veza_core.db.timeouts import no_lock_timeout

#: Whether an index can be used, and its name in SQL.
INDEX_STATE = """
SELECT indisvalid, indexrelid::regclass::text FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relname = %s AND indrelid = %s::regclass
"""


def lives_in_public(model: type[Model]) -> bool:
    """Whether the model's table is in `public`, by `settings.PUBLIC_SCHEMA_APPS`."""
    return model._meta.app_label in settings.PUBLIC_SCHEMA_APPS


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Creates models outside `PUBLIC_SCHEMA_APPS` in schema `django` (Standard, rule 9)."""

    # Django's own versions end with `SET CONSTRAINTS … IMMEDIATE`. PostgreSQL refuses it for a
    # constraint that is not deferrable (SQLSTATE 42809).
    sql_create_column_inline_fk = (
        "CONSTRAINT %(name)s REFERENCES %(to_table)s(%(to_column)s)%(on_delete_db)s%(deferrable)s"
    )
    sql_delete_fk = "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s"

    # Statements that go to the server together: nobody else can lock what this transaction creates.
    _together: list[str] | None = None

    def __enter__(self) -> Self:
        self._new_tables: set[str] = set()
        super().__enter__()
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        """Run deferred statements, such as foreign keys, and end the transaction.

        If such a statement fails, for example by a lock timeout, Django leaves the transaction
        open. The next attempt would run inside it, and its work would never be committed.
        """
        try:
            if exc_type is None:
                for are_new, statements in groupby(self.deferred_sql, self._is_of_new_table):
                    with self._in_one_round_trip() if are_new else nullcontext():
                        for statement in statements:
                            self.execute(statement, None)
                self.deferred_sql.clear()
        except BaseException as error:
            super().__exit__(type(error), error, error.__traceback__)
            raise
        super().__exit__(exc_type, exc_value, traceback)

    def table_sql(self, model: type[Model]) -> tuple[str, list[Any]]:
        sql, params = super().table_sql(model)
        if not lives_in_public(model):
            sql = sql.replace("CREATE TABLE ", "CREATE TABLE django.", 1)
        return sql, params

    def create_model(self, model: type[Model]) -> None:
        if not lives_in_public(model):
            for field in model._meta.local_fields:
                self._release_from_public(field)
        self._new_tables.add(model._meta.db_table)
        # This call also creates the table of a many-to-many field.
        with self._in_one_round_trip():
            if not lives_in_public(model):
                self.execute("CREATE SCHEMA IF NOT EXISTS django")
            super().create_model(model)

    @contextmanager
    def _in_one_round_trip(self) -> Iterator[None]:
        """Send the statements of the block together, at its end."""
        if self.collect_sql or not self.atomic_migration or self._together is not None:
            yield
            return
        self._together = []
        try:
            yield
            statements = ";\n".join(self._together)
        finally:
            self._together = None
        self.execute(statements, None)

    def _is_of_new_table(self, statement: Any) -> bool:
        """Whether it locks only a table that this transaction has created."""
        if not isinstance(statement, Statement) or "FOREIGN KEY" in str(statement):
            return False
        return any(statement.references_table(table) for table in self._new_tables)

    def execute(self, sql: Any, params: Any = ()) -> None:
        if self._together is None:
            super().execute(sql, params)
        else:
            whole = sql if params is None else self.connection.ops.compose_sql(str(sql), params)
            self._together.append(str(whole))

    def add_field(self, model: type[Model], field: Any) -> None:
        if not lives_in_public(model):
            self._release_from_public(field)
        super().add_field(model, field)

    def alter_field(
        self, model: type[Model], old_field: Any, new_field: Any, strict: bool = False
    ) -> None:
        """Alter the column, and then its comment, without Django's ALTER TYPE for the comment.

        With it, PostgreSQL checks all rows again while nobody can use the table.
        """
        django: Any = super()
        with_old_comment = copy(new_field)
        with_old_comment.db_comment = old_field.db_comment
        django.alter_field(model, old_field, with_old_comment, strict)
        if new_field.db_comment != old_field.db_comment:
            comment = django._alter_column_comment_sql(model, new_field, "", new_field.db_comment)
            self.execute(*comment)

    def add_index(self, model: type[Model], index: Any, concurrently: bool = False) -> None:
        """Create the index. A concurrent build continues after a killed run."""
        if not concurrently or self.collect_sql:
            super().add_index(model, index, concurrently=concurrently)
        elif self.connection.in_atomic_block:
            super().add_index(model, index, concurrently=True)
        else:
            sql = str(index.create_sql(model, self, concurrently=True))
            self.build_concurrently(model._meta.db_table, index.name, sql)

    def remove_index(self, model: type[Model], index: Any, concurrently: bool = False) -> None:
        """Drop the index. A concurrent drop waits without a limit: nobody waits behind it."""
        if not concurrently or self.collect_sql or self.connection.in_atomic_block:
            super().remove_index(model, index, concurrently=concurrently)
            return
        with no_lock_timeout(self.connection):
            super().remove_index(model, index, concurrently=True)

    def build_concurrently(self, table: str, name: str, sql: str) -> None:
        """Build an index with this CREATE INDEX CONCURRENTLY, unless the table already has it and
        it is valid.

        A killed or failed build leaves an invalid index, which is dropped first (PostgreSQL, CREATE
        INDEX, "Building Indexes Concurrently").
        """
        state = fetch_row(self.connection, INDEX_STATE, [name, self.quote_name(table)])
        if state and state[0]:
            return
        with no_lock_timeout(self.connection):
            if state:
                self.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {state[1]}", None)
            self.execute(sql, None)

    @staticmethod
    def _release_from_public(field: Any) -> None:
        """Leave out the database constraint of a reference from `django` to `public`.

        If another service deletes a staff account permanently, Django's log must neither prevent it
        nor be deleted too (docs/adr/0003-django-schema.md).
        """
        if field.remote_field and lives_in_public(field.remote_field.model):
            field.db_constraint = False

    def _fk_constraint_name(self, model: type[Model], field: Any, suffix: str) -> ForeignKeyName:
        """Name foreign keys as PostgreSQL does: `<table>_<column>_fkey`."""

        def create_fk_name(table: str, columns: list[str], _suffix: str) -> str:
            return self.quote_name(f"{table}_{'_'.join(columns)}_fkey")

        target = field.target_field
        return ForeignKeyName(
            model._meta.db_table,
            [field.column],
            target.model._meta.db_table,
            [target.column],
            suffix,
            create_fk_name,
        )
