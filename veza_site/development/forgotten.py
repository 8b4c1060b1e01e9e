"""What a table still lacks, each with the file and the line to add: for `manage.py lint_schema`.

It looks at a database that the migrations have just made, at the models, the screens, demo data,
docs/schema.md and docs/services.md. `make test` compares docs/schema.md with the database in full.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from veza_core.db.fields import EnumField
from veza_core.operations.deploy.v1 import v1_migrations
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.rule import Finding
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.audit.service import connect, own_exceptions
from veza_core.schema.export.groups import later_groups, v1_groups
from veza_core.screens.labels import foreign_keys
from veza_core.screens.menu import headings
from veza_site.development import services

#: What only a server has, or what the comparison with `schema/` says better.
NOT_ASKED = {
    *("extension-missing", "owner-differs", "random-page-cost", "schema-create"),
    "trigger-privilege",
    *("table-missing", "table-unexpected"),
}
CONTRACT = "docs/schema.md"
ACTIONS = ("read", "create", "update", "delete")
#: Tables whose rows the migrations insert.
OF_MIGRATIONS = ("roles", "permissions", "role_permissions")
OWN_COLUMNS = ("id", "created_at", "updated_at", "deleted_at")
SECRET = re.compile("token|hash|secret|password")

PERMISSIONS = "SELECT resource, action FROM public.permissions"
GRANTS = """
SELECT roles.name, permissions.resource, permissions.action FROM public.role_permissions
JOIN public.roles ON roles.id = role_id JOIN public.permissions ON permissions.id = permission_id
"""
ENUMS = """
SELECT typname, array_agg(enumlabel::text) FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
WHERE typnamespace = 'public'::regnamespace GROUP BY typname
"""

type Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of `public`, and the files of this project that are about it."""

    model: type[Model]
    #: Where the model and the migration are: file and line.
    place: str
    migration: str

    @property
    def name(self) -> str:
        """In SQL."""
        return self.model._meta.db_table

    @property
    def app(self) -> Path:
        """The folder of its app."""
        return Path(self.model._meta.app_config.path).relative_to(settings.BASE_DIR)


def forgotten(connection: Connection, alias: str) -> Iterator[str]:
    """The problems, a line each. `connection` is Django's `alias` for the time being."""
    import_module(settings.ROOT_URLCONF)
    tables = read_tables()
    yield from _findings(tables, alias)
    for find in (_permissions, _enum_values):
        yield from find(tables, connection)
    contract = (settings.BASE_DIR / CONTRACT).read_text("utf-8")
    for table in tables.values():
        for look in LOOKS:
            yield from look(table)
        yield from _contract(table, contract)
    yield from _chapters(contract)
    document = (settings.BASE_DIR / services.DOCUMENT).read_text("utf-8")
    yield from services.unsaid(document, connection)


def read_tables() -> dict[str, Table]:
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
        table = Table(model, _place(model), migration)
        tables[table.name] = table
    return tables


def _place(thing: Any) -> str:
    return f"{_path(inspect.getsourcefile(thing))}:{inspect.getsourcelines(thing)[1]}"


def _path(path: str | None) -> str:
    return str(Path(path or "").relative_to(settings.BASE_DIR))


# The database that the migrations made ----------------------------------------------------------


def _findings(tables: dict[str, Table], alias: str) -> Iterator[str]:
    rules = [rule for rule in CATALOG_RULES if rule.id not in NOT_ASKED]
    with connect(connections[alias]) as session:
        report = audit(session, ["public"], rules, exceptions=own_exceptions())
    for finding in report.findings:
        where, add = _remedy(finding, tables.get(finding.table or ""))
        yield f"{where}: {finding.object}: {finding.message} ({finding.rule.id}). {add}"


def _remedy(finding: Finding, table: Table | None) -> tuple[str, str]:
    """The file that causes a finding, and what to add to it."""
    if table is None:
        return "the migrations", finding.remedy
    if finding.rule.id == "trigger-missing":
        return table.migration, f'Add KeepUpdatedAt("{table.name}").'
    if finding.rule.id == "comment-missing":
        column = finding.object.count(".") > 1
        return table.place, f'Add {"db_comment" if column else "db_table_comment"}="…".'
    return table.place, finding.remedy


def _permissions(tables: dict[str, Table], connection: Connection) -> Iterator[str]:
    there = set(connection.execute(PERMISSIONS).fetchall())
    granted = set(connection.execute(GRANTS).fetchall())
    for table in tables.values():
        add = f'{table.migration}: {{}}. Add InsertPermissions("{table.name}").'
        if missing := [action for action in ACTIONS if (table.name, action) not in there]:
            yield add.format(f"{table.name} has no permission to {', '.join(missing)}")
        wanted = [("admin", action) for action in ACTIONS]
        wanted += [("support", "read"), ("moderator", "read")]
        for role, action in wanted:
            if (role, table.name, action) not in granted and action not in missing:
                yield add.format(f"role {role} may not {action} {table.name}")


def _enum_values(tables: dict[str, Table], connection: Connection) -> Iterator[str]:
    there: dict[str, list[str]] = dict(connection.execute(ENUMS).fetchall())
    for table in tables.values():
        for field in table.model._meta.concrete_fields:
            if isinstance(field, EnumField):
                values = there.get(field.enum_type, [])
                for value, _ in field.flatchoices:
                    if str(value) not in values:
                        yield (
                            f"{table.app}/migrations/: enum type {field.enum_type} has no value "
                            f"{value}, which {table.name}.{field.column} offers. Add "
                            f'AddEnumValue("{field.enum_type}", "{value}") to a new migration '
                            "(manage.py makemigrations --empty)."
                        )


# The other files --------------------------------------------------------------------------------


def _screen(table: Table) -> Iterator[str]:
    site: Any = admin.site
    screen = site.screen_of(table.model)
    name = table.model.__name__
    if screen is None:
        folder = settings.BASE_DIR / table.app / "admin"
        where = f"{table.app}/admin/" if folder.is_dir() else f"{table.app}/admin.py"
        yield (
            f"{where}: {table.name} has no screen. Add @admin.register({name}) "
            f"class {name}Admin(InspectionAdmin)."
        )
        return
    where = _place(type(screen))
    if screen.group not in headings():
        yield (
            f"{table.app}/apps.py: no app declares the heading “{screen.group}” of {name}Admin. "
            f'Add "{screen.group}" to menu_groups.'
        )
    for key in foreign_keys(table.model):
        if key.name not in screen.keys:
            yield (
                f"{where}: {name}Admin cannot list the rows of one {key.name}. "
                f'Add "{key.name}": "-created_at" (or UNSORTED) to keys.'
            )


def _secrets(table: Table) -> Iterator[str]:
    declared: frozenset[str] = getattr(table.model, "secret_columns", frozenset())
    for field in table.model._meta.concrete_fields:
        column = str(field.column)
        is_text = field.get_internal_type() in ("CharField", "TextField")
        if is_text and SECRET.search(column) and column not in declared:
            yield (
                f"{table.place}: {table.name}.{column} sounds like a secret, and is shown. "
                f'Add "{column}" to secret_columns, or rename it.'
            )


def _demo(table: Table) -> Iterator[str]:
    # Imported late: numpy takes a tenth of a second.
    from veza_demo import tables as writers

    if table.name in writers.ROWS or table.name in OF_MIGRATIONS:
        return
    for module in vars(writers).values():
        function = getattr(module, table.name, None)
        if inspect.ismodule(module) and inspect.isfunction(function):
            yield (
                f"{_place(function)}: seed_demo does not call {table.name}. "
                "Add @table(rows=lambda counts: …) above it."
            )
            return
    yield (
        f"veza_demo/tables/: seed_demo has no rows for {table.name}. Add "
        f"@table(rows=lambda counts: …) def {table.name}(rows: Rows) -> Columns."
    )


LOOKS: tuple[Callable[[Table], Iterator[str]], ...] = (_screen, _secrets, _demo)


def _contract(table: Table, contract: str) -> Iterator[str]:
    soft = any(field.column == "deleted_at" for field in table.model._meta.concrete_fields)
    entry = re.search(rf"^\*\*{table.name}\*\*(.*?)(?=^\*\*|^#|\Z)", contract, re.M | re.S)
    if entry is None:
        begins = f"**{table.name}**{' (soft)' if soft else ''}: …"
        yield f"{CONTRACT}: {table.name} is not in the contract. Add {begins}"
        return
    for field in table.model._meta.concrete_fields:
        if field.column not in OWN_COLUMNS and not re.search(rf"\b{field.column}\b", entry[1]):
            yield (
                f"{CONTRACT}: {table.name}.{field.column} is not in the contract. "
                f"Add {field.column} and its type to **{table.name}**."
            )
        if isinstance(field, EnumField) and f"| `{field.enum_type}` |" not in contract:
            values = ", ".join(str(value) for value, _ in field.flatchoices)
            yield (
                f"{CONTRACT}: type {field.enum_type} is not in the contract. "
                f"Add | `{field.enum_type}` | {values} | to the table of types."
            )


def _chapters(contract: str) -> Iterator[str]:
    loader = MigrationLoader(None)
    last = v1_migrations(loader)[-1][1]
    for group in later_groups(loader):
        title = group.name.replace("_", " ")
        if not re.search(rf"^## {re.escape(title)}$", contract, re.M | re.I):
            yield (
                f"{CONTRACT}: migration {group.app}.{group.name} has no chapter. "
                f"Add ## {title} after that of {last}."
            )
