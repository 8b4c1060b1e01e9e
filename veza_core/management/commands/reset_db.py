"""`reset_db`: drops and creates all of V1, on a development machine.

It replaces django-extensions' command of the same name, which drops the whole database, including
schema `chat`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.timeouts import is_lock_timeout
from veza_core.errors import clear_line, one_line
from veza_core.management.arguments import add_database, add_lock_timeout
from veza_core.management.base import DatabaseCommand
from veza_core.operations.dependents import (
    Dependent,
    find_dependents,
    find_guests,
    find_replication,
)
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.deploy.requirements import unmet_requirements
from veza_core.operations.reset import (
    OutsideChangedError,
    close_sessions,
    empty_schemas,
    sessions_in_the_way,
    who_is_in_the_way,
)

NEEDED_NEXT = ("veza_core.management.commands.migrate", "veza_core.schema.audit.service")


@contextmanager
def _imported_meanwhile() -> Iterator[None]:
    """While the block waits for the server, a second thread imports what `migrate` needs.

    That takes about as long as the server drops.
    """

    def load() -> None:
        # An error is raised again by the import that needs the module.
        with suppress(Exception):
            for module in NEEDED_NEXT:
                import_module(module)

    thread = Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class Command(DatabaseCommand):
    """Drops what is in `public` and `django`, and nothing else, and applies V1 again."""

    help = (
        "Drops everything in schemas public and django, and applies all migrations again. For "
        "development only; nothing in other schemas changes, except by --drop-dependents."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Do not ask for the database's name.",
        )
        add_database(parser, "The database to reset")
        parser.add_argument(
            "--drop-dependents",
            action="store_true",
            help="List and drop the objects outside that depend on public or django (foreign "
            "keys, views, functions, …), but never a table or a column.",
        )
        parser.add_argument(
            "--close-sessions",
            action="store_true",
            help="List and end the sessions that hold locks on these schemas.",
        )
        parser.add_argument(
            "--seed",
            action="store_true",
            help="Insert demo data afterwards, like manage.py seed_demo.",
        )
        add_lock_timeout(
            parser, "How long to wait for sessions that block it (default: %(default)s)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset the database. Raises `CommandError` in one line if nothing was dropped."""
        if not settings.DEBUG:
            raise CommandError("reset_db is for development, and DEBUG is off: nothing was dropped")
        connection = connections[options["database"]]
        check_direct(connection)
        self.announce(connection).check_writable()
        running = "a migrate or reset_db is running"
        with self.migration_lock(
            connection, options["lock_timeout"], running, "Nothing was dropped."
        ):
            self._reset(connection, options)

    def _reset(self, connection: BaseDatabaseWrapper, options: dict[str, Any]) -> None:
        # What migrate would refuse after everything is dropped.
        if problems := unmet_requirements(connection):
            raise CommandError(f"{'; '.join(problems)}. Nothing was dropped.")
        dependents = [
            *find_dependents(connection),
            *find_guests(connection),
            *find_replication(connection, all_tables=False),
        ]
        self._check_dependents(dependents, drop=options["drop_dependents"])
        if options["interactive"]:
            self._confirm(connection)
        if options["close_sessions"] and (sessions := sessions_in_the_way(connection)):
            self._list("Closing sessions:", sessions)
            close_sessions(connection, sessions)
        try:
            with _imported_meanwhile():
                empty_schemas(connection, dependents, options["lock_timeout"])
        except OutsideChangedError as error:
            raise CommandError(
                "an object outside public and django would have been dropped too, or another "
                "session is changing one: nothing was dropped, run reset_db again"
            ) from error
        except DatabaseError as error:
            if not is_lock_timeout(error):
                message = clear_line(error) or one_line(error)
                raise CommandError(f"{message}. Nothing was dropped.") from error
            raise CommandError(
                "other sessions block it, and nothing was dropped: "
                f"{who_is_in_the_way(connection)}. Close them, or use --close-sessions."
            ) from error
        self.say("Dropped everything in public and django.")
        call_command(
            "migrate",
            interactive=False,
            database=options["database"],
            verbosity=options["verbosity"],
            stdout=self.stdout,
            stderr=self.stderr,
        )
        if options["seed"]:
            call_command(
                "seed_demo",
                database=options["database"],
                verbosity=options["verbosity"],
                stdout=self.stdout,
                stderr=self.stderr,
            )

    def _check_dependents(self, dependents: list[Dependent], *, drop: bool) -> None:
        if not dependents:
            return
        undroppable = [dependent for dependent in dependents if dependent.drop is None]
        if drop and undroppable:
            raise CommandError(
                "these objects depend on public or django, and dropping them would lose rows. "
                f"Change them first: {'; '.join(map(str, undroppable))}. Nothing was dropped."
            )
        if not drop:
            raise CommandError(
                "these objects outside depend on public or django, and would be dropped with "
                f"them: {'; '.join(map(str, dependents))}. Nothing was dropped; "
                "--drop-dependents drops only these."
            )
        self._list("Dropping dependents:", dependents)

    def _confirm(self, connection: BaseDatabaseWrapper) -> None:
        answer = self.typed_name(connection, "drop public and django in it")
        if answer != connection.settings_dict["NAME"]:
            raise CommandError("that is not the database's name: nothing was dropped")

    def _list(self, title: str, things: list[Any]) -> None:
        self.stdout.write(title)
        for thing in things:
            self.stdout.write(f"  {thing}")
