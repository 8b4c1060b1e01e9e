"""Finds what a table lacks in Python code: modules, screen, demo data."""

import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import FieldError

from veza_core.screens.menu import headings

from .tables import DeclaredTable, place_of

#: Tables whose rows the migrations insert.
OF_MIGRATIONS = ("roles", "permissions", "role_permissions")
SECRET = re.compile("token|hash|secret|password")


def problems(tables: dict[str, DeclaredTable]) -> Iterator[str]:
    """What to add or remove, a line each."""
    yield from _modules()
    for table in tables.values():
        yield from _screen(table)
        yield from _secrets(table)
    yield from _demo(tables)


def _modules() -> Iterator[str]:
    """Modules of models and screens that nobody imports, so Django does not know them."""
    for label in settings.PUBLIC_SCHEMA_APPS:
        app = apps.get_app_config(label)
        for path in sorted(Path(app.path).glob("*/*.py")):
            package = path.parent.name
            name = f"{app.name}.{package}.{path.stem}"
            is_seen = path.stem == "__init__" or name in sys.modules
            if package in ("models", "admin") and not is_seen:
                where = path.relative_to(settings.BASE_DIR)
                yield (
                    f"{where}: nothing imports it, so Django does not see what it declares. "
                    f"Import {path.stem} in {where.parent / '__init__.py'}."
                )


# Screens ----------------------------------------------------------------------------------------


def _screen(table: DeclaredTable) -> Iterator[str]:
    site: Any = admin.site
    screen = site.screen_of(table.model)
    name = table.model.__name__
    if screen is None:
        directory = settings.BASE_DIR / table.app / "admin"
        where = f"{table.app}/admin/" if directory.is_dir() else f"{table.app}/admin.py"
        yield (
            f"{where}: {table.name} has no screen. Add @admin.register({name}) "
            f"class {name}Admin(InspectionAdmin)."
        )
        return
    where = place_of(type(screen))
    if screen.group not in headings():
        yield (
            f"{table.app}/apps.py: no app declares the heading “{screen.group}” of {name}Admin. "
            f'Add "{screen.group}" to menu_groups.'
        )
    for problem in _columns_of(screen, table):
        yield f"{where}: {problem}"


def _columns_of(screen: Any, table: DeclaredTable) -> Iterator[str]:
    fields = {field.name for field in table.model._meta.concrete_fields}
    for what, named in (
        ("columns", screen.columns),
        ("sections", (name for _, names in screen.sections for name in names)),
        ("keys", screen.keys),
        ("moments", screen.moments),
        ("label", filter(None, [screen.label])),
        ("named_by", filter(None, [screen.named_by])),
    ):
        for name in sorted({*named} - fields):
            if not hasattr(screen, name):
                yield f"{what} names {name}, which is not a column of {table.name}. Remove {name}."
    for state in screen.states:
        for option in state.options:
            try:
                table.model._base_manager.filter(option.where)
            except FieldError as error:
                yield f"state {state.name} cannot be queried: {error}"


def _secrets(table: DeclaredTable) -> Iterator[str]:
    declared: frozenset[str] = getattr(table.model, "secret_columns", frozenset())
    for field in table.model._meta.concrete_fields:
        column = str(field.column)
        is_text = field.get_internal_type() in ("CharField", "TextField")
        if is_text and SECRET.search(column) and column not in declared:
            yield (
                f"{table.place}: {table.name}.{column} sounds like a secret, and is shown. "
                f'Add "{column}" to secret_columns, or rename it.'
            )


# Demo data --------------------------------------------------------------------------------------


def _demo(tables: dict[str, DeclaredTable]) -> Iterator[str]:
    # Imported here, because the import of numpy takes a tenth of a second.
    from veza_demo.counts import SCALES, Counts
    from veza_demo.load import chunk_as_binary
    from veza_demo.people import SYSTEM_ROLES
    from veza_demo.tables import WRITERS
    from veza_demo.world import World

    for name in sorted(WRITERS.keys() - tables.keys()):
        yield f"{place_of(WRITERS[name])}: seed_demo fills {name}, which is not a table. Remove it."
    roles = [uuid4() for _ in SYSTEM_ROLES]
    world = World(0, datetime(2026, 1, 1, tzinfo=UTC), Counts(*SCALES["small"]), roles)
    for table in tables.values():
        if table.name in OF_MIGRATIONS:
            continue
        if table.name not in WRITERS:
            yield _without_rows(table)
            continue
        written = {*chunk_as_binary(world, table.name, range(1))[0]}
        where = place_of(WRITERS[table.name])
        # PostgreSQL computes generated columns, and accepts no value for them.
        fields = [one for one in table.model._meta.concrete_fields if not one.generated]
        for column in sorted(written - {field.column for field in fields}):
            yield f"{where}: {column} is not a column of {table.name}. Remove {column}."
        for field in fields:
            if field.column not in written:
                name = f"{table.name}.{field.column}"
                yield f'{where}: seed_demo has no values for {name}. Add "{field.column}": ….'


def _without_rows(table: DeclaredTable) -> str:
    # Imported here, for the same reason.
    from veza_demo import tables as writers

    for module in vars(writers).values():
        function = getattr(module, table.name, None)
        if inspect.ismodule(module) and inspect.isfunction(function):
            return (
                f"{place_of(function)}: seed_demo does not call {table.name}. "
                "Add @table(rows=lambda counts: …) above it."
            )
    return (
        f"veza_demo/tables/: seed_demo has no rows for {table.name}. Add "
        f"@table(rows=lambda counts: …) def {table.name}(rows: Rows) -> Columns."
    )
