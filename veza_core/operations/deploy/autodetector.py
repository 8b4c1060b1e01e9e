"""What `makemigrations` writes for the apps of `public`: names, numbers, and what tables need.

A migration after V1 has a number in its app's range (`AppConfig.migration_numbers`), above 900. So
the files of `schema/`, which have the names of the migrations, load in the order of their names.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.core.management.base import CommandError
from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    CreateModel,
    Migration,
    RemoveField,
    RemoveIndex,
)
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from django.db.models import CheckConstraint, UniqueConstraint

from veza_core.db.constraint_operations import AddUniqueConcurrently
from veza_core.db.fields import EnumField
from veza_core.db.operations import AddEnumValue, CreateEnum, InsertPermissions, KeepUpdatedAt
from veza_core.schema.v1 import LAST_OF_V1

#: By app. Django creates migrations here with their own lists as attributes.
type Changes = dict[str, list[Any]]
#: By enum type.
type EnumValues = dict[str, set[str]]


class Autodetector(MigrationAutodetector):
    """Django's autodetector, with operations that it lacks, and with our names of migrations."""

    def arrange_for_graph(
        self, changes: Changes, graph: MigrationGraph, migration_name: str | None = None
    ) -> Changes:
        """Name the migrations, and complete those that create a table or use a new enum type.

        Operations that would block services while they read an existing table get a migration of
        their own. So do new values of enum types: the transaction that adds a value cannot use it.
        Raises `CommandError` if an app has used up its numbers.
        """
        types = _enum_values(graph)
        # The migration of `makemigrations --empty` has no operations, and gets no others with it.
        detected = all(each.operations for migrations in changes.values() for each in migrations)
        for label in settings.PUBLIC_SCHEMA_APPS if detected else ():
            if values := list(_new_values(label, types)):
                _put_first(label, values, changes)
        arranged: Changes = super().arrange_for_graph(changes, graph, migration_name)
        names: dict[tuple[str, str], str] = {}
        for label in settings.PUBLIC_SCHEMA_APPS:
            numbers = _free_numbers(label, graph)
            if label in arranged:
                arranged[label] = list(_with_later(label, arranged[label]))
            for migration in arranged.get(label, []):
                was = migration.name
                fragment = migration_name or _fragment(label, migration) or was.partition("_")[2]
                migration.name = names[label, was] = f"{next(numbers):03}_{fragment}"
                if LAST_OF_V1 not in migration.dependencies:
                    # It creates the trigger function, and its file in schema/ is loaded first.
                    migration.dependencies.append(LAST_OF_V1)
                migration.operations = list(_completed(label, migration.operations, types))
        for migrations in arranged.values():
            for migration in migrations:
                migration.dependencies = [
                    (app, names.get((app, name), name)) for app, name in migration.dependencies
                ]
        return arranged


def _free_numbers(label: str, graph: MigrationGraph) -> Iterator[int]:
    numbers = getattr(apps.get_app_config(label), "migration_numbers", None)
    if numbers is None:
        raise CommandError(
            f"{label}/apps.py: the app has no numbers for its migrations. Add migration_numbers = "
            "range(…) to its AppConfig: numbers that no other app has, and that come after those "
            "of the apps whose tables it refers to"
        )
    for other in {*settings.PUBLIC_SCHEMA_APPS} - {label}:
        both = {*numbers}.intersection(getattr(apps.get_app_config(other), "migration_numbers", ()))
        if both:
            raise CommandError(
                f"{label} and {other} have the same migration numbers, {min(both)} to {max(both)}: "
                "shorten the range of one of them (migration_numbers of its AppConfig)"
            )
    found = [Autodetector.parse_number(name) or 0 for app, name in graph.nodes if app == label]
    yield from range(max([*found, numbers.start - 1]) + 1, numbers.stop)
    raise CommandError(
        f"{label} has used its migration numbers up to {numbers.stop - 1}: squash some of its "
        "migrations (manage.py squashmigrations)"
    )


def _fragment(label: str, migration: Migration) -> str:
    """The subject of the migration, from the tables' names; Django uses the models' names."""
    tables = [_table(op) for op in migration.operations if isinstance(op, CreateModel)]
    if tables:
        return "_and_".join(tables[:2])
    for operation in migration.operations:
        if isinstance(operation, FieldOperation):
            table = apps.get_model(label, operation.model_name)._meta.db_table
            return operation.migration_name_fragment.replace(operation.model_name_lower, table, 1)
    match migration.operations:
        case [AddConstraint(constraint=added) | AddIndex(index=added), *_]:
            return str(added.name)
        case [ValidateConstraint(name=name), *_]:
            return f"validate_{name}"
        case [RemoveIndex(name=name), *_]:
            return f"remove_{name}"
    return ""


def _with_later(label: str, migrations: list[Any]) -> Iterator[Any]:
    """The migrations, and one more for what reads the rows of existing tables (docs/changing.md).

    It validates checks, and builds and drops indexes, while services use the tables.
    """
    later: list[Operation] = []
    for migration in migrations:
        created = {op.name_lower for op in migration.operations if isinstance(op, CreateModel)}
        shrunk = {op.model_name_lower for op in migration.operations if isinstance(op, RemoveField)}
        now: list[Operation] = []
        for operation in migration.operations:
            # PostgreSQL drops the indexes of a column with it, so they cannot be dropped later.
            unchanged = shrunk | created if isinstance(operation, RemoveIndex) else created
            if getattr(operation, "model_name_lower", None) in unchanged:
                now.append(operation)
            else:
                first, second = _now_and_later(operation)
                now += first
                later += second
        migration.operations = now
    *others, last = migrations
    yield from others
    if last.operations or not later:
        yield last
    if later:
        addition: Any = last
        if last.operations:
            addition = Migration("auto_later", label)
            addition.dependencies = [(label, last.name)]
        addition.operations = later
        addition.atomic = all(isinstance(operation, ValidateConstraint) for operation in later)
        yield addition


def _now_and_later(operation: Operation) -> tuple[list[Operation], list[Operation]]:
    """Split an operation on an existing table: its own migration's part, and the later one's."""
    match operation:
        case AddConstraint(model_name=name, constraint=CheckConstraint() as check):
            return [AddConstraintNotValid(name, check)], [ValidateConstraint(name, check.name)]
        case AddConstraint(model_name=name, constraint=UniqueConstraint() as constraint):
            return [], [AddUniqueConcurrently(name, constraint)]
        case AddIndex(model_name=name, index=index):
            return [], [AddIndexConcurrently(name, index)]
        case RemoveIndex(model_name=name, name=index):
            return [], [RemoveIndexConcurrently(name, index)]
    return [operation], []


def _table(operation: CreateModel) -> str:
    return str(operation.options["db_table"])


def _enum_values(graph: MigrationGraph) -> EnumValues:
    """The enum types that the migrations create. A null node of the graph has no operations."""
    types: EnumValues = {}
    for operation in [op for node in graph.nodes.values() if node for op in node.operations]:
        match operation:
            case CreateEnum(name=name, values=values):
                types.setdefault(name, set()).update(values)
            case AddEnumValue(name=name, value=value):
                types.setdefault(name, set()).add(value)
    return types


def _new_values(label: str, types: EnumValues) -> Iterator[AddEnumValue]:
    """The values of existing enum types that only the models have. `types` gets them, too."""
    for model in apps.get_app_config(label).get_models():
        for field in model._meta.concrete_fields:
            if not isinstance(field, EnumField) or field.enum_type not in types:
                continue
            existing, later = types[field.enum_type], ""
            values = _values(field)
            for value in reversed(values):
                if value not in existing:
                    existing.add(value)
                    yield AddEnumValue(field.enum_type, value, *([later] if later else ()))
                later = value


def _put_first(label: str, operations: list[AddEnumValue], changes: Changes) -> None:
    migration: Any = Migration("auto_values", label)
    migration.operations = operations
    for following in changes.get(label, [])[:1]:
        following.dependencies.append((label, migration.name))
    changes[label] = [migration, *changes.get(label, [])]


def _values(field: EnumField) -> list[str]:
    return [str(value) for value, _ in field.flatchoices]


def _completed(label: str, operations: list[Operation], types: EnumValues) -> Iterator[Operation]:
    """The operations, each with what it needs before and after it. `types` gets new enum types."""
    for operation in operations:
        yield from _enums(label, operation, types)
        yield operation
        if isinstance(operation, CreateModel):
            yield KeepUpdatedAt(_table(operation))
            yield InsertPermissions(_table(operation))


def _enums(label: str, operation: Operation, types: EnumValues) -> Iterator[CreateEnum]:
    """The enum types that an operation's fields use and that no migration has created."""
    fields: dict[str, Any] = {}
    if isinstance(operation, CreateModel):
        model, fields = operation.name, dict(operation.fields)
    elif isinstance(operation, AddField):
        model, fields = operation.model_name, {operation.name: operation.field}
    for name, field in fields.items():
        if isinstance(field, EnumField) and field.enum_type not in types:
            # A migration's field does not have the choices.
            values = _values(apps.get_model(label, model)._meta.get_field(name))
            types[field.enum_type] = set(values)
            yield CreateEnum(field.enum_type, values, comment=str(field.db_comment or ""))
