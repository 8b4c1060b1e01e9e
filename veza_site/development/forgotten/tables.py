"""The tables of `public`, and the files of this project that describe them."""

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from veza_core.schema.export.groups import later_groups, v1_groups


@dataclass(frozen=True, slots=True)
class DeclaredTable:
    """A table that a model declares."""

    model: type[Model]
    #: The places of the model and the migration: file and line.
    place: str
    #: The app, while no migration creates the table.
    migration: str
    is_created: bool

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def app(self) -> Path:
        return Path(self.model._meta.app_config.path).relative_to(settings.BASE_DIR)


def read_tables() -> dict[str, DeclaredTable]:
    """The tables of the apps of `public`, by name."""
    loader = MigrationLoader(None)
    groups = [*v1_groups(loader), *later_groups(loader)]
    created = {name: (group.app, group.name) for group in groups for name in group.tables}
    tables = {}
    for model in apps.get_models():
        if model._meta.app_label not in settings.PUBLIC_SCHEMA_APPS or not model._meta.managed:
            continue
        key = created.get(model._meta.db_table)
        migration = f"{model._meta.app_label}/migrations/"
        if key:
            migration = _path(import_module(type(loader.disk_migrations[key]).__module__).__file__)
        table = DeclaredTable(model, place_of(model), migration, key is not None)
        tables[table.name] = table
    return tables


def place_of(thing: Any) -> str:
    """The file and line of a class or function."""
    return f"{_path(inspect.getsourcefile(thing))}:{inspect.getsourcelines(thing)[1]}"


def _path(path: str | None) -> str:
    return str(Path(path or "").relative_to(settings.BASE_DIR))
