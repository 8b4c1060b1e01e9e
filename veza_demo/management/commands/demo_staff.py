"""`demo_staff`: accounts for the admin, on a development machine."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from veza_core.management.base import AnnouncingCommand
from veza_core.models import User
from veza_demo.people import KNOWN
from veza_demo.tables.accounts import PASSWORD


class Command(AnnouncingCommand):
    """Fills an empty database with demo data, and prints its staff accounts."""

    help = (
        "Inserts demo data if there is no user yet, and prints accounts that can sign in to the "
        "support admin. For development only."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and print. Raises `CommandError` with one line if nothing was changed."""
        if not settings.DEBUG:
            raise CommandError("demo_staff is for development, and DEBUG is off: nothing changed")
        self.announce(connection)
        if not User.all_objects.exists():
            call_command("seed_demo", stdout=self.stdout, stderr=self.stderr)
            return
        addresses = [f"{name}@example.com" for name in KNOWN]
        found = User.objects.filter(email__in=addresses).values_list("email", flat=True)
        if found:
            self.stdout.write(f"Sign in as {', '.join(found)}; the password of all: {PASSWORD}")
        else:
            self.stdout.write(
                "The database has users, but no demo staff: manage.py grant_staff USER ROLE "
                "gives one of them access."
            )
