"""The migrations of V1: the last one, and all migrations that it depends on.

They are frozen when V1 is released.
"""

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

type Key = tuple[str, str]

#: The last migration of V1, which depends on all the others.
LAST_OF_V1: Key = ("veza_core", "900_triggers_and_functions")


def v1_migrations(loader: MigrationLoader) -> list[Key]:
    """The app and the name of each migration of V1, in the order in which they run."""
    plan = loader.graph.forwards_plan(LAST_OF_V1)
    return [key for key in plan if key[0] in settings.PUBLIC_SCHEMA_APPS]


def migrations_after_v1(loader: MigrationLoader) -> list[Key]:
    """The later migrations of the project's own apps, sorted by name, as their files are."""
    own = {key for key in loader.disk_migrations if key[0] in settings.PUBLIC_SCHEMA_APPS}
    return sorted(own.difference(v1_migrations(loader)), key=lambda key: (key[1], key[0]))
