"""The files of `schema/`: one for each migration, with its name, in the order of the names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.migrations import CreateModel, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from veza_core.schema.export import ExportError
from veza_core.schema.v1 import migrations_after_v1, v1_migrations


@dataclass(frozen=True, slots=True)
class MigrationGroup:
    """A migration, and the tables that it creates, in the order of its operations."""

    app: str
    name: str
    tables: tuple[str, ...]


def v1_groups(loader: MigrationLoader) -> list[MigrationGroup]:
    """The groups of V1."""
    keys = sorted(v1_migrations(loader), key=lambda key: key[1])
    return [_group(loader, key) for key in keys]


def later_groups(loader: MigrationLoader) -> list[MigrationGroup]:
    """The groups of the migrations after V1.

    Raises `ExportError` if a file would be loaded too early by its name, or would replace another.
    """
    groups = [_group(loader, key) for key in migrations_after_v1(loader)]
    last = v1_groups(loader)[-1].name
    names = [last]
    for group in groups:
        if group.name in names:
            raise ExportError(f"two migrations are named {group.name}: rename one of them")
        if group.name < last:
            raise ExportError(
                f"{group.app}.{group.name}: its file in schema/ would be loaded before {last}: "
                "rename the migration, as manage.py makemigrations numbers it"
            )
        _check_order(loader, group)
        names.append(group.name)
    return groups


def _check_order(loader: MigrationLoader, group: MigrationGroup) -> None:
    own = {other for other in migrations_after_v1(loader) if other[1] > group.name}
    for app, name in loader.graph.forwards_plan((group.app, group.name)):
        if (app, name) in own:
            raise ExportError(
                f"{group.app}.{group.name} depends on {app}.{name}, and its file in schema/ would "
                "be loaded before: rename the migration, so that it sorts after that one"
            )


def _group(loader: MigrationLoader, key: tuple[str, str]) -> MigrationGroup:
    operations = loader.disk_migrations[key].operations
    return MigrationGroup(*key, tuple(_created(key[0], operations)))


def _created(app: str, operations: Iterable[Operation]) -> Iterator[str]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _created(app, operation.database_operations)
        elif isinstance(operation, CreateModel):
            yield str(operation.options.get("db_table") or f"{app}_{operation.name_lower}")
