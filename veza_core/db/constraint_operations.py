"""Operations that add constraints to a table with rows, without blocking services.

Django has `AddConstraintNotValid` and `ValidateConstraint` for checks. These are for other
constraints; docs/changing.md says when. They can be killed and run again.
"""

from typing import Any

from django.contrib.postgres.operations import NotInTransactionMixin
from django.db import IntegrityError
from django.db.migrations.operations import AddConstraint, AlterField
from django.db.migrations.state import ProjectState
from django.db.models import UniqueConstraint

from veza_core.db.fetch import fetch_row, fetch_value

CONSTRAINT = """
SELECT convalidated FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass
"""
IS_NOT_NULL = """
SELECT attnotnull FROM pg_attribute WHERE attname = %s AND attrelid = %s::regclass
"""


class SetNotNull(NotInTransactionMixin, AlterField):
    """Make a column NOT NULL, and read the table while others write to it.

    It adds a check NOT VALID and validates it. Then `SET NOT NULL` needs no scan (PostgreSQL, ALTER
    TABLE). Each step is a separate transaction; the migration needs `atomic = False`. If a row has
    NULL, it fails and changes nothing. `field` is the field after the change.
    """

    atomic = False
    reversible = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._ensure_not_in_transaction(schema_editor)
        model = to_state.apps.get_model(app_label, self.model_name)
        name, column = model._meta.db_table, str(model._meta.get_field(self.name).column)
        unquoted = f"chk_{name}_{column}_set"[:63]
        table, check, quoted = map(schema_editor.quote_name, (name, unquoted, column))
        statements = [
            f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({quoted} IS NOT NULL) NOT VALID",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}",
            f"ALTER TABLE {table} ALTER COLUMN {quoted} SET NOT NULL",
            f"ALTER TABLE {table} DROP CONSTRAINT {check}",
        ]
        if not schema_editor.collect_sql:
            # Where a killed run ended.
            connection = schema_editor.connection
            is_there = fetch_row(connection, CONSTRAINT, [unquoted, table]) is not None
            if fetch_value(connection, IS_NOT_NULL, [column, table]):
                statements = statements[3:] if is_there else []
            elif is_there:
                statements = statements[1:]
        for sql in statements:
            try:
                schema_editor.execute(sql, None)
            except IntegrityError:
                # A row has NULL. Services that write NULL would meet the check.
                schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {check}", None)
                raise

    def describe(self) -> str:
        return f"Set NOT NULL on field {self.name} of {self.model_name} through a validated check"


class AddForeignKeyNotValid(AlterField):
    """Add the foreign key of a field that had `db_constraint=False`, without reading the rows.

    New rows are checked from now on. `ValidateConstraint` checks the others, in a later migration.
    """

    reversible = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        sql = schema_editor._create_fk_sql(model, model._meta.get_field(self.name), "_fkey")
        schema_editor.execute(f"{sql} NOT VALID", None)

    def describe(self) -> str:
        return f"Add the foreign key of {self.name} of {self.model_name}, not valid"


class AddUniqueConcurrently(NotInTransactionMixin, AddConstraint):
    """Add a `UniqueConstraint` with an index that is built while others write.

    The migration needs `atomic = False`. It fails if two rows are the same; the next run drops what
    that leaves.
    """

    atomic = False
    reversible = False

    def __init__(self, model_name: str, constraint: UniqueConstraint) -> None:
        if not isinstance(constraint, UniqueConstraint):
            raise TypeError("AddUniqueConcurrently.constraint must be a UniqueConstraint.")
        super().__init__(model_name, constraint)

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._ensure_not_in_transaction(schema_editor)
        model = to_state.apps.get_model(app_label, self.model_name)
        name = self.constraint.name
        table, quoted = map(schema_editor.quote_name, (model._meta.db_table, name))
        sql = str(self.constraint.create_sql(model, schema_editor))
        if sql.startswith("CREATE UNIQUE INDEX"):
            build, add = sql.replace("INDEX", "INDEX CONCURRENTLY", 1), ""
        else:
            columns = sql[sql.rindex(" UNIQUE ") + len(" UNIQUE ") :]
            build = f"CREATE UNIQUE INDEX CONCURRENTLY {quoted} ON {table} {columns}"
            add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted} UNIQUE USING INDEX {quoted}"
        if schema_editor.collect_sql:
            schema_editor.execute(build, None)
        elif fetch_row(schema_editor.connection, CONSTRAINT, [name, table]) is not None:
            return
        else:
            schema_editor.build_concurrently(model._meta.db_table, name, build)
        if add:
            schema_editor.execute(add, None)

    def describe(self) -> str:
        return f"Add unique constraint {self.constraint.name} on {self.model_name} concurrently"
