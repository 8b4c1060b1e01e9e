"""Finds problems of the next release of this project: runs it in a throw-away database."""

from collections.abc import Collection
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_core.db.operations import without_warnings
from veza_core.db.scratch import scratch_database
from veza_core.operations.deploy.frozen import read_frozen
from veza_core.operations.deploy.plan import apply_to_scratch, in_order
from veza_core.schema.v1 import Key, migrations_after_v1

from .findings import MigrationFinding, examine
from .squawk import squawk


def released() -> set[Key]:
    """The migrations that the releases froze. Raises `ValueError`."""
    paths = [Path(path) for hashes in read_frozen().values() for path in hashes]
    return {(path.parts[0], path.stem) for path in paths if path.suffix == ".py"}


def pending(loader: MigrationLoader, released: Collection[Key]) -> list[Key]:
    """The platform's own migrations that are not released, in the order in which they run."""
    later = set(migrations_after_v1(loader)).difference(released)
    return [key for key in in_order(loader) if key in later]


def lint(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, keys: list[Key], configuration: Path
) -> list[MigrationFinding]:
    """Find problems in these migrations. The configured database does not change.

    Raises `ScratchDatabaseError` if the role may not create databases.
    """
    later = {key: loader.graph.nodes[key] for key in keys}
    with scratch_database(connection), without_warnings():
        plan_of = loader.graph.forwards_plan
        before = [key for key in in_order(loader) if later.keys().isdisjoint(plan_of(key))]
        state = apply_to_scratch(connection, loader, before)
        return judge(connection, state, list(later.values()), configuration)


def judge(
    connection: BaseDatabaseWrapper,
    state: ProjectState,
    migrations: list[Migration],
    configuration: Path,
) -> list[MigrationFinding]:
    """The findings on migrations that follow the state of the connection's database."""
    statements: dict[Migration, list[str]] = {}
    seen = [*examine(connection, state, migrations, statements)]
    # squawk only reads the text. What PostgreSQL did says more about the same problem.
    found = squawk(statements, configuration)
    known = {(finding.migration, finding.heading) for finding in seen}
    excused = {
        (str(migration), heading)
        for migration in migrations
        for heading in getattr(migration, "reviewed", {})
    }
    left = [one for one in found if (one.migration, one.heading) not in known | excused]
    return sorted([*seen, *left], key=lambda finding: finding.migration)
