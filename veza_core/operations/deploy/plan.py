"""Which migrations a run would apply. Forwards only: to go back, restore a backup."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from django.apps import apps
from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import AmbiguityError, MigrationLoader
from django.db.migrations.state import ProjectState

from veza_core.operations.deploy.recognition import check_history
from veza_core.schema.v1 import Key

#: The first migration of V1. If it is pending, V1 is not there yet.
FIRST_MIGRATION = ("veza_core", "001_extensions_and_types")

FORWARD_ONLY = (
    "this would unapply migrations, which cannot be reversed: restore a backup "
    "(docs/operations.md), or in development run manage.py reset_db"
)


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The migrations to apply, in order, and the wanted targets."""

    targets: list[Key]
    migrations: list[Migration]

    @property
    def steps(self) -> list[tuple[Migration, bool]]:
        """The plan in Django's form: each migration, and that it is not backwards."""
        return [(migration, False) for migration in self.migrations]

    @property
    def starts_v1(self) -> bool:
        """Whether the database has nothing of V1 yet."""
        return any((m.app_label, m.name) == FIRST_MIGRATION for m in self.migrations)


def read_plan(
    executor: MigrationExecutor, app_label: str | None, name: str | None, *, syncdb: bool = False
) -> MigrationPlan:
    """Find the migrations that lead to the app's migration, or all pending ones.

    `syncdb`: the app has no migrations, and its tables are created directly. Raises `CommandError`
    if the app or migration is unknown, if the history does not match the files, or if a migration
    would have to be reversed.
    """
    loader = executor.loader
    check_history(loader, executor.connection)
    check_conflicts(loader)
    if app_label:
        _check_app(loader, app_label, syncdb=syncdb)
    targets = _targets(loader, app_label, name)
    steps = executor.migration_plan(targets)
    if any(is_backwards for _, is_backwards in steps):
        raise CommandError(FORWARD_ONLY)
    return MigrationPlan(targets, [migration for migration, _ in steps])


def check_conflicts(loader: MigrationLoader) -> None:
    """Raise `CommandError` if two migrations of an app have the same parent, as after a merge."""
    if conflicts := loader.detect_conflicts():
        found = "; ".join(f"{app}: {', '.join(names)}" for app, names in conflicts.items())
        raise CommandError(
            f"two migrations of an app have the same parent: {found}. Rename one of them to the "
            "next number, and let it depend on the other"
        )


def in_order(loader: MigrationLoader) -> list[Key]:
    """All migrations, in the order in which they run."""
    plans = map(loader.graph.forwards_plan, loader.graph.leaf_nodes())
    return list(dict.fromkeys(chain.from_iterable(plans)))


def apply_to_scratch(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, keys: Iterable[Key]
) -> ProjectState:
    """Apply these migrations to a throw-away database; return the state after them."""
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for key in keys:
        migration = loader.graph.nodes[key]
        with connection.schema_editor(atomic=migration.atomic) as editor:
            state = migration.apply(state, editor)
    return state


def _check_app(loader: MigrationLoader, app_label: str, *, syncdb: bool) -> None:
    try:
        apps.get_app_config(app_label)
    except LookupError as error:
        raise CommandError(str(error)) from error
    if syncdb and app_label in loader.migrated_apps:
        raise CommandError(f"app {app_label} has migrations: run migrate without --run-syncdb")
    if not syncdb and app_label not in loader.migrated_apps:
        raise CommandError(f"app {app_label} has no migrations")


def _targets(loader: MigrationLoader, app_label: str | None, name: str | None) -> list[Key]:
    if not app_label:
        return loader.graph.leaf_nodes()
    if not name:
        return [key for key in loader.graph.leaf_nodes() if key[0] == app_label]
    if name == "zero":
        raise CommandError(FORWARD_ONLY)
    try:
        return [(app_label, loader.get_migration_by_prefix(app_label, name).name)]
    except AmbiguityError as error:
        raise CommandError(f"{app_label} has several migrations that begin with {name}") from error
    except KeyError as error:
        raise CommandError(f"{app_label} has no migration that begins with {name}") from error
