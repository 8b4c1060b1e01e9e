"""`grant_staff`: gives the first person access to the admin, or replaces a lost second factor."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from veza_core.management.arguments import some_text
from veza_core.management.base import AnnouncingCommand
from veza_site.support import second_factor
from veza_site.support.log import record_command
from veza_site.support.staff import STAFF_ROLES, GrantError, find_user, grant_role

NAME = "grant_staff"


def date(text: str) -> datetime:
    """A date, or a date and time, in ISO 8601; UTC unless it has an offset."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class Command(AnnouncingCommand):
    """Grants a staff role, or removes a second factor."""

    help = "Gives a user a staff role, permanently or until --expires."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", type=some_text, help="An e-mail or a username.")
        parser.add_argument("role", nargs="?", choices=STAFF_ROLES, help="The role to give.")
        parser.add_argument(
            "--expires",
            type=date,
            metavar="DATE",
            help="When the role ends: 2026-12-31, or 2026-12-31T18:00+01:00 (default: never).",
        )
        parser.add_argument(
            "--reset-second-factor",
            action="store_true",
            help="Remove the authenticator and the recovery codes, and end the user's sessions, "
            "also those on the platform: for a lost device. The next sign-in sets up a new one.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant or reset. Raises `CommandError` in one line if nothing was changed."""
        role, expires_at = options["role"], options["expires"]
        if role is None and not options["reset_second_factor"]:
            raise CommandError(f"name a role ({', '.join(STAFF_ROLES)}), or --reset-second-factor")
        if expires_at is not None and role is None:
            raise CommandError("--expires needs a role")
        if expires_at is not None and expires_at <= timezone.now():
            raise CommandError("--expires is in the past: the role would have no effect")
        self.announce(connection).check_writable()
        try:
            with transaction.atomic():
                user = find_user(options["user"])
                lines = [grant_role(user, role, expires_at, NAME)] if role else []
                if options["reset_second_factor"]:
                    lines.append(self._reset(user))
        except GrantError as error:
            raise CommandError(str(error)) from error
        for line in lines:
            self.stdout.write(line)

    @staticmethod
    def _reset(user: Any) -> str:
        if not second_factor.reset(user):
            return f"{user} has no second factor: nothing to reset"
        record_command(NAME, "second_factor.reset", user)
        return f"{user} must set up a new second factor at the next sign-in; all sessions are ended"
