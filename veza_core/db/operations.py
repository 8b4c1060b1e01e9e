"""Migration operations for what Django's own cannot say: enum types and legacy extensions."""

import logging
from typing import Any

from django.contrib.postgres.operations import CreateExtension
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

logger = logging.getLogger(__name__)


class CreateEnum(Operation):
    """Create a native enum type, with its comment. Forward only, as all of V1."""

    reduces_to_sql = True
    reversible = False
    category = OperationCategory.ADDITION

    def __init__(self, name: str, values: list[str], comment: str) -> None:
        self.name = name
        self.values = values
        self.comment = comment

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Types are no part of Django's state."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        values = ", ".join(schema_editor.quote_value(value) for value in self.values)
        comment = schema_editor.quote_value(self.comment)
        name = schema_editor.quote_name(self.name)
        schema_editor.execute(f"CREATE TYPE {name} AS ENUM ({values})", None)
        schema_editor.execute(f"COMMENT ON TYPE {name} IS {comment}", None)

    def describe(self) -> str:
        return f"Create enum type {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"enum_{self.name}"


class LegacyExtension(CreateExtension):
    """An extension that nothing in V1 depends on, kept for clients of the old schema.

    The embedded server does not ship it: there, and only there, it is left out with a warning.
    On any other server `migrate` has refused before anything ran (`veza_core.db.requirements`).
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        connection: Any = schema_editor.connection
        if connection.settings_dict.get("EMBEDDED"):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = %s)",
                    [self.name],
                )
                if cursor.fetchone() == (False,):
                    logger.warning(
                        "the embedded PostgreSQL has no extension %s: left out, "
                        "nothing in V1 depends on it",
                        self.name,
                    )
                    return
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Creates legacy extension {self.name}"
