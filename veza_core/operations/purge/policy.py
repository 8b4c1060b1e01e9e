"""What is due: the column with the time, and how many days later the row is deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.apps import apps
from django.core.management.base import CommandError
from psycopg import sql

from .catalog import LinkedTable, PurgeCatalog

#: Django's own tables: by table and column, the key of the setting.
OF_DJANGO = {"django.django_session": {"expire_date": "sessions"}}
#: The key for soft-deleted rows of every table in `public` with a deleted_at.
DELETED = "deleted"


def purge_columns() -> list[tuple[str, str, str]]:
    """Key, table and column from `BaseModel.purged_after`, and from Django's tables."""
    tables = {
        model._meta.db_table: purged
        for model in apps.get_models()
        if (purged := getattr(model, "purged_after", None))
    }
    return [
        (kind, table, column)
        for table, columns in {**tables, **OF_DJANGO}.items()
        for column, kind in columns.items()
    ]


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of `table` are deleted `days` after the time in `column`."""

    table: LinkedTable
    column: str
    days: int

    def condition(self, now: datetime) -> sql.Composable:
        """For WHERE: what is due at the run's time. NULL is never due."""
        return sql.SQL("{} < {}").format(
            sql.Identifier(self.column), sql.Literal(now - timedelta(days=self.days))
        )


def setting(kind: str) -> str:
    """The variable that says how long such rows are kept."""
    return f"PURGE_{kind.upper()}_AFTER_DAYS"


def read_policy(
    catalog: PurgeCatalog, days: Mapping[str, int | None], only: Sequence[str] = ()
) -> list[Due]:
    """What may be deleted, children before parents.

    `days` is by key; None keeps rows for ever. `only` names tables. Raises `CommandError` for an
    unknown one, for one that is kept for ever, and if the database lacks a table.
    """
    columns = purge_columns()
    columns += [
        (DELETED, str(table), "deleted_at")
        for table in catalog.tables.values()
        if table.schema == "public" and table.is_soft
    ]
    _check_names(catalog, columns, days, only)
    order = {str(table): place for place, table in enumerate(catalog.children_first())}
    dues = [
        Due(catalog.tables[name], column, grace)
        for kind, name, column in columns
        if (grace := days[kind]) is not None and (not only or name in only)
    ]
    return sorted(dues, key=lambda due: order[str(due.table)])


def _check_names(
    catalog: PurgeCatalog,
    columns: Sequence[tuple[str, str, str]],
    days: Mapping[str, int | None],
    only: Sequence[str],
) -> None:
    names = {name for _, name, _ in columns}
    if missing := sorted(names - catalog.tables.keys()):
        raise CommandError(f"this database has no {', '.join(missing)}: run migrate")
    if unknown := sorted(set(only) - names):
        raise CommandError(
            f"--only: purge does not handle {', '.join(unknown)}; choose from "
            f"{', '.join(sorted(names))}",
            returncode=2,
        )
    for name in only:
        kinds = {kind for kind, table, _ in columns if table == name}
        if all(days[kind] is None for kind in kinds):
            raise CommandError(
                f"{name} is never deleted: {' or '.join(sorted(map(setting, kinds)))} is not set"
            )
