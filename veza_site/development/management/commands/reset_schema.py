"""`reset_schema`: refused. It replaces the command of django-extensions."""

from typing import Any

from django.core.management.base import CommandError
from django_extensions.management.commands.reset_schema import Command as ExtensionsCommand


class Command(ExtensionsCommand):
    """That command drops schema `public`, and all that other services have built on it."""

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "reset_schema would drop what other services have built on public: "
            "manage.py reset_db does not. Nothing was dropped."
        )
