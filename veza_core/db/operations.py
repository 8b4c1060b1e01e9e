"""Migration operations that Django lacks.

They are for enum types and legacy extensions, and for what every table after V1 needs: its trigger
and its permissions.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from django.contrib.postgres.operations import CreateExtension
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

from veza_core.db.fetch import fetch_value

logger = logging.getLogger(__name__)

#: Extensions that nothing in V1 depends on. Not every server ships them.
LEGACY_EXTENSIONS = ("pgcrypto", "uuid-ossp")
#: All extensions of V1.
EXTENSIONS = (*LEGACY_EXTENSIONS, "pg_trgm")
IS_AVAILABLE = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = %s)"


class ForwardOperation(Operation):
    """An operation that cannot be reversed, and does not change Django's state."""

    reduces_to_sql = True
    reversible = False
    category = OperationCategory.ADDITION

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """What it creates is not part of Django's state."""


class SqlOperation(ForwardOperation, ABC):
    """An operation of plain SQL.

    `description` and `fragment` (of the migration's name) name its arguments in braces.
    """

    description: ClassVar[str]
    fragment: ClassVar[str]

    @abstractmethod
    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        """What it runs, one after another."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for statement in self.statements(schema_editor):
            schema_editor.execute(statement, None)

    def describe(self) -> str:
        return self.description.format_map(vars(self))

    @property
    def migration_name_fragment(self) -> str:
        return self.fragment.format_map(vars(self))


class CreateEnum(SqlOperation):
    """Create a native enum type, with its comment."""

    description = "Create enum type {name}"
    fragment = "enum_{name}"

    def __init__(self, name: str, values: list[str], comment: str) -> None:
        self.name = name
        self.values = values
        self.comment = comment

    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        values = ", ".join(editor.quote_value(value) for value in self.values)
        comment = editor.quote_value(self.comment)
        name = editor.quote_name(self.name)
        yield f"CREATE TYPE {name} AS ENUM ({values})"
        yield f"COMMENT ON TYPE {name} IS {comment}"


class AddEnumValue(SqlOperation):
    """Add a value to an enum type: at the end, or before the value `before`.

    Only a later migration may use the value (PostgreSQL, ALTER TYPE). An existing value does not
    change.
    """

    description = "Add value {value} to enum type {name}"
    fragment = "{name}_{value}"

    def __init__(self, name: str, value: str, before: str = "") -> None:
        self.name = name
        self.value = value
        self.before = before

    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        value = editor.quote_value(self.value)
        place = f" BEFORE {editor.quote_value(self.before)}" if self.before else ""
        name = editor.quote_name(self.name)
        yield f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {value}{place}"


class KeepUpdatedAt(SqlOperation):
    """Create the trigger that sets a table's `updated_at`. Migration 900 created the function.

    It can be run again: it replaces a trigger of this name.
    """

    description = "Keep updated_at of {table} by a trigger"
    fragment = "{table}_updated_at"

    def __init__(self, table: str) -> None:
        self.table = table

    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        trigger = editor.quote_name(f"update_{self.table}_updated_at")
        yield (
            f"CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE "
            f"ON public.{editor.quote_name(self.table)} "
            "FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column()"
        )


#: Autovacuum begins after a fiftieth of a hundred million rows, in place of a fifth or a tenth.
LARGE = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_insert_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}


class SetStorageParameters(SqlOperation):
    """Set a table's fill factor and its autovacuum parameters (PostgreSQL, CREATE TABLE).

    It waits for no reader or writer, and rewrites nothing: a fill factor applies to new pages.
    """

    description = "Set storage parameters of {table}"
    fragment = "{table}_storage"

    def __init__(self, table: str, **parameters: float) -> None:
        self.table = table
        self.parameters = parameters

    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        # In export_schema's order, so that pg_dump writes the same text for both databases.
        parameters = ", ".join(
            f"{name} = {value}" for name, value in sorted(self.parameters.items())
        )
        table = editor.quote_name(self.table)
        yield f"ALTER TABLE public.{table} SET ({parameters})"


PERMISSIONS = """
INSERT INTO public.permissions (name, resource, action, description)
SELECT format('%s.%s', resource, action), resource, action,
    format('%s rows of %s', initcap(action), resource)
FROM unnest(ARRAY[{table}]) AS resource, unnest(ARRAY[{actions}]) AS action
ON CONFLICT DO NOTHING
"""
GRANTS = """
INSERT INTO public.role_permissions (role_id, permission_id)
SELECT roles.id, permissions.id
FROM public.roles JOIN public.permissions ON permissions.resource = {table}
WHERE roles.name = {role} AND permissions.action IN ({actions})
ON CONFLICT DO NOTHING
"""
ACTIONS = ("read", "create", "update", "delete")


class InsertPermissions(SqlOperation):
    """Insert a permission for each action on a table, and grant them to the system roles.

    As for V1's tables, `admin` gets all of them, and `support` and `moderator` get `read`. The
    parameters `support` and `moderator` name further actions. Existing rows do not change.
    """

    description = "Insert the permissions of {table}"
    fragment = "{table}_permissions"

    elidable = False

    def __init__(
        self, table: str, support: Sequence[str] = (), moderator: Sequence[str] = ()
    ) -> None:
        if unknown := {*support, *moderator}.difference(ACTIONS):
            raise ValueError(f"not an action: {', '.join(sorted(unknown))}; {', '.join(ACTIONS)}")
        self.table = table
        self.support = support
        self.moderator = moderator

    def statements(self, editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        def quoted(*values: str) -> str:
            return ", ".join(editor.quote_value(value) for value in values)

        table = quoted(self.table)
        yield PERMISSIONS.format(table=table, actions=quoted(*ACTIONS))
        grants = {"admin": ACTIONS, "support": ("read", *self.support)}
        # Moderators also get what support gets.
        grants["moderator"] = ("read", *self.support, *self.moderator)
        for role, actions in grants.items():
            yield GRANTS.format(table=table, role=quoted(role), actions=quoted(*actions))


@contextmanager
def without_warnings() -> Iterator[None]:
    """For a throw-away database, it does not matter which legacy extensions a server lacks."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class LegacyExtension(CreateExtension):
    """An extension for clients of the old schema, on which nothing in V1 depends.

    The embedded server does not have it: only there it is left out, with a warning. On any other
    server, `migrate` refuses before it runs anything (`veza_core.operations.deploy.requirements`).
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        is_embedded = connection.settings_dict.get("EMBEDDED")
        if is_embedded and not fetch_value(connection, IS_AVAILABLE, [self.name]):
            logger.warning(
                "the embedded PostgreSQL has no extension %s: left out, "
                "nothing in V1 depends on it",
                self.name,
            )
            return
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Creates legacy extension {self.name}"
