"""`set_fake_emails`: the command of django-extensions, which does not work with our accounts."""

from typing import Any

from django.core.management.base import CommandError
from django_extensions.management.commands.set_fake_emails import Command as ExtensionsCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, ExtensionsCommand):
    """Writes on a development machine."""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Raise `CommandError` if there is an account, because the command needs first and last
        names.
        """
        try:
            return super().handle(*args, **options)
        except AttributeError as error:
            raise CommandError(
                f"set_fake_emails needs accounts with first and last names ({error}): "
                "manage.py seed_demo makes accounts with invented addresses. Nothing was changed."
            ) from error
