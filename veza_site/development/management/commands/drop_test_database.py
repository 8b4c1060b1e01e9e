"""`drop_test_database`: refused. It replaces the command of django-extensions."""

from typing import Any

from django.core.management.base import CommandError
from django_extensions.management.commands.drop_test_database import Command as ExtensionsCommand


class Command(ExtensionsCommand):
    """That command does not use this project's engine, and connects wherever libpq decides."""

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "drop_test_database would drop databases on whatever server libpq finds, and "
            "`make test` drops its own. Nothing was dropped."
        )
