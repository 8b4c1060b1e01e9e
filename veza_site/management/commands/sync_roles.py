"""`sync_roles`: creates and repairs the login roles of the admin, and proves their privileges."""

from itertools import chain
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from veza_core.counted import counted, listed
from veza_core.management.base import AnnouncingCommand
from veza_site.roles import RoleError
from veza_site.roles.proof import UNBOUNDED, elsewhere
from veza_site.roles.sync import MAX_NAMED, sync
from veza_site.roles.wanted import KINDS, LoginRole, RoleKind

ACCEPTABLE = tuple(thing.name for thing in UNBOUNDED)


def acceptable(text: str) -> list[str]:
    """Names of privileges that a role may keep, separated by commas."""
    names = text.split(",")
    if unknown := [name for name in names if name not in ACCEPTABLE]:
        raise ValueError(unknown)
    return names


class Command(AnnouncingCommand):
    """Grants what the admin needs to the roles of its URLs, and nothing more."""

    help = (
        "Creates and repairs the login roles of the admin, and checks that they have no other "
        "privileges. DATABASE_SUPPORT_URL names the role that reads all tables of the admin, "
        "without the columns with secrets. DATABASE_WEB_URL names the role of the site's "
        "process, which writes what staff may change. The role of DATABASE_URL needs CREATEROLE, "
        "and must own the tables."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print the SQL, and change nothing."
        )
        parser.add_argument(
            "--revoke-from-public",
            action="store_true",
            help="Revoke from PUBLIC the privilege to create temporary tables, and to call the "
            "functions of large objects and advisory locks. The role of DATABASE_URL keeps these "
            "privileges. Grant them to the services that need them. Only a superuser can revoke "
            "the functions.",
        )
        parser.add_argument(
            "--accept",
            type=acceptable,
            default=[],
            metavar="NAME[,NAME]",
            help="Do not revoke these from PUBLIC, so the roles keep them: "
            f"{', '.join(ACCEPTABLE)}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or repair the roles. Raises `CommandError` in one line if nothing was changed."""
        roles = self._roles()
        self.prints_data = options["dry_run"]
        session = self.announce(connection)
        if not options["dry_run"]:
            session.check_writable()
        done: dict[str, list[str]] = {}
        try:
            # All roles or none.
            with connection.connection.transaction():
                for role in roles:
                    done[role.name] = sync(
                        connection.connection,
                        role,
                        dry_run=options["dry_run"],
                        revoke_from_public=options["revoke_from_public"],
                        accepted=options["accept"],
                    )
        except RoleError as error:
            raise CommandError(f"{error}. Nothing was changed.") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                f"{error.diag.message_primary}: nothing was changed. Run this as a role with "
                "CREATEROLE that owns the tables, or give the SQL of --dry-run to somebody with "
                "these privileges."
            ) from error
        if options["dry_run"]:
            # What is revoked from PUBLIC, once.
            for statement in dict.fromkeys(chain.from_iterable(done.values())):
                self.stdout.write(f"{statement};")
            return
        for name, made in done.items():
            outcome = f" now: {counted(len(made), 'statement')}." if made else ": nothing to do."
            self.stdout.write(f"Role {name} is up to date{outcome}")
        self._warn_of_other_databases([*done])

    def _warn_of_other_databases(self, names: list[str]) -> None:
        """Warn about other databases: PUBLIC may connect to them, and nothing is proven of them."""
        each = [elsewhere(connection.connection, name) for name in names]
        if others := sorted({*chain.from_iterable(each)}):
            self.stderr.write(
                f"{' and '.join(names)} may connect to other databases of this server, and use "
                "what is granted to PUBLIC there (REVOKE CONNECT ON DATABASE … FROM PUBLIC, or "
                f"pg_hba.conf, prevents it): {listed(others, MAX_NAMED)}"
            )

    def _roles(self) -> list[LoginRole]:
        """The roles that the settings name, at most one of each kind."""
        urls = {kind: url for kind in KINDS if (url := getattr(settings, kind.setting))}
        if not urls:
            raise CommandError(
                "neither DATABASE_SUPPORT_URL nor DATABASE_WEB_URL is set: each names a role of "
                "the admin, postgresql://veza_support:password@host:port/database"
            )
        roles = [self._role(kind, url) for kind, url in urls.items()]
        if len({role.name for role in roles}) < len(roles):
            raise CommandError(
                f"DATABASE_SUPPORT_URL and DATABASE_WEB_URL both name {roles[0].name}: name two "
                "roles"
            )
        return roles

    @staticmethod
    def _role(kind: RoleKind, url: str) -> LoginRole:
        parts = conninfo_to_dict(url)
        if not parts.get("user"):
            raise CommandError(f"{kind.setting} does not name a user")
        database = str(connection.settings_dict["NAME"])
        if parts["dbname"] != database:
            raise CommandError(
                f"{kind.setting} names database {parts['dbname']}, and DATABASE_URL "
                f"{database}: they must be the same"
            )
        return LoginRole(kind, str(parts["user"]), str(parts.get("password") or ""), database)
