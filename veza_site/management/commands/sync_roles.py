"""`sync_roles`: makes and repairs the login role that the admin reads over."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from veza_core.db.session import announce
from veza_site.read_role import ReadRoleError
from veza_site.read_role.sync import sync
from veza_site.read_role.wanted import ReadRole


class Command(BaseCommand):
    """Grants what the admin shows to the role of DATABASE_SUPPORT_URL, and nothing more."""

    help = (
        "Creates and repairs the login role that DATABASE_SUPPORT_URL names: it reads every table "
        "of the admin, without the columns that hold secrets, and writes nothing. Needs CREATEROLE "
        "and the tables' owner in DATABASE_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print the SQL, and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or repair the role. Raises `CommandError` in one line, with nothing changed."""
        role = self._role()
        stream = self.stderr if options["dry_run"] else self.stdout
        say = stream.write if options["verbosity"] else lambda line: None
        session = announce(connection, say)
        if not options["dry_run"]:
            session.check_writable()
        try:
            statements = sync(connection.connection, role, dry_run=options["dry_run"])
        except ReadRoleError as error:
            raise CommandError(str(error)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                f"{error.diag.message_primary}: nothing was changed. Run this as a role with "
                "CREATEROLE that owns the tables, or give the SQL of --dry-run to whoever is one."
            ) from error
        if options["dry_run"]:
            for statement in statements:
                self.stdout.write(f"{statement};")
        elif statements:
            self.stdout.write(
                f"Role {role.name} is as it should be now: {len(statements)} statements."
            )
        else:
            self.stdout.write(f"Role {role.name} is as it should be: nothing to do.")

    @staticmethod
    def _role() -> ReadRole:
        """The role, as DATABASE_SUPPORT_URL has it."""
        if not settings.DATABASE_SUPPORT_URL:
            raise CommandError(
                "DATABASE_SUPPORT_URL is not set: name the role in it that the admin shall read "
                "over, postgresql://veza_support:password@host:port/database"
            )
        parts = conninfo_to_dict(settings.DATABASE_SUPPORT_URL)
        if not parts.get("user"):
            raise CommandError("DATABASE_SUPPORT_URL names no user")
        database = str(connection.settings_dict["NAME"])
        if parts["dbname"] != database:
            raise CommandError(
                f"DATABASE_SUPPORT_URL names database {parts['dbname']}, and DATABASE_URL "
                f"{database}: both have to be the same"
            )
        return ReadRole(str(parts["user"]), str(parts.get("password") or ""), database)
