"""`createsuperuser`: Django's command, which first prints where it writes."""

from typing import Any

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCommand
from django.core.management.base import CommandError

from veza_core.db.session import Session
from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Creates the first account."""

    def run(self, session: Session, *args: Any, **options: Any) -> Any:
        """Django's method. Raises `CommandError` if it would succeed without an account."""
        if options["interactive"] and not self.stdin.isatty():
            raise CommandError(
                "it asks for a password, but standard input is not a terminal: use --noinput and "
                "DJANGO_SUPERUSER_PASSWORD. Nothing was changed."
            )
        return super().run(session, *args, **options)
