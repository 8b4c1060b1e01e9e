"""Whether the rows exist that Django adds after migrations: content types and permissions."""

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper


def signals_are_due(connection: BaseDatabaseWrapper) -> bool:
    """Whether an earlier run was killed between its last migration and `post_migrate`.

    One query; sending the signal each time would be thirty.
    """
    expected = sum(
        len(model._meta.default_permissions) + len(model._meta.permissions)
        for model in apps.get_models()
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django.auth_permission")
        return bool(cursor.fetchone()[0] < expected)
