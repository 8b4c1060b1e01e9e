"""`demo_staff`: accounts to sign in to the admin with, on a machine for development."""

from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError

from veza_core.models import User
from veza_site.support.staff import STAFF_ROLES, GrantError, grant_role

NAME = "demo_staff"
PASSWORD = "veza demo staff"  # noqa: S105 - for development, and said aloud
SEED_COMMAND = "seed_demo"


class Command(BaseCommand):
    """Makes one account for each role of staff, and fills an empty database with demo data."""

    help = (
        "Makes demo accounts for the support admin, and demo data where there is no user yet. "
        "For development only."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing. Raises `CommandError` in one line, with nothing changed."""
        if not settings.DEBUG:
            raise CommandError("demo_staff is for development, and DEBUG is off: nothing changed")
        if SEED_COMMAND in get_commands() and not User.all_objects.exists():
            call_command(SEED_COMMAND, stdout=self.stdout, stderr=self.stderr)
        for role in STAFF_ROLES:
            username, email = f"demo-{role}", f"demo-{role}@example.com"
            user = User.objects.filter(username=username).first()
            if user is None:
                user = User.objects.create_user(email, username, PASSWORD, is_verified=True)
            try:
                grant_role(user, role, None, NAME)
            except GrantError as error:
                self.stderr.write(f"{error}")
        names = ", ".join(f"demo-{role}" for role in STAFF_ROLES)
        self.stdout.write(f"Sign in as {names}; the password of all: {PASSWORD}")
