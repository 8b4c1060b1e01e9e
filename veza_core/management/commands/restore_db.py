"""`restore_db`: the rollback. Afterwards the database is as in the file, or unchanged."""

import time
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.distribution import asking, read_triggers
from veza_core.db.session import UNCHANGED
from veza_core.db.timeouts import is_lock_timeout
from veza_core.errors import clear_line, one_line
from veza_core.management.arguments import (
    add_database,
    add_lock_timeout,
    add_tools,
    some_file,
    some_text,
)
from veza_core.management.base import DatabaseCommand, audit_result
from veza_core.operations.backup.archive import Archive, open_archive
from veza_core.operations.backup.checks import (
    check_contents,
    check_dependents,
    check_empty,
    check_roles,
    check_server,
    check_tablespaces,
)
from veza_core.operations.backup.programs import find_tools, server_major
from veza_core.operations.backup.restore import RestoreChoice, replace_schemas
from veza_core.operations.contents import contents_of
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.deploy.summary import read_summary
from veza_core.operations.progress import StatusLine
from veza_core.operations.reset import OutsideChangedError, who_is_in_the_way
from veza_core.visible import visible

#: A missing schema, object, function or table that tables of ours use.
MISSING = {"3F000", "42704", "42883", "42P01"}


class Command(DatabaseCommand):
    """Restores a backup of `backup_db` in one transaction."""

    help = (
        "Restores schemas public and django from a file of backup_db, in one transaction. It "
        "changes nothing outside of these two schemas."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=some_file, metavar="FILE", help="The file to restore.")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="First drop everything in public and django, in the same transaction.",
        )
        parser.add_argument(
            "--confirm",
            type=some_text,
            metavar="NAME",
            help="The name of the database to replace, for runs without a terminal.",
        )
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Do not ask for the database's name. With DEBUG off, this needs --confirm.",
        )
        parser.add_argument(
            "--no-owner",
            action="store_false",
            dest="owners",
            help="Make the restoring role the owner of everything.",
        )
        parser.add_argument(
            "--no-privileges",
            action="store_false",
            dest="grants",
            help="Do not restore the grants in the file.",
        )
        parser.add_argument(
            "--no-tablespaces",
            action="store_false",
            dest="tablespaces",
            help="Create everything in the database's default tablespace.",
        )
        add_lock_timeout(
            parser, "How long to wait for sessions that block it (default: %(default)s)."
        )
        add_tools(parser)
        add_database(parser, "The database to restore into")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore the file. Raises `CommandError` in one line if nothing was changed."""
        self.started = time.monotonic()
        self.options = options
        self.choice = RestoreChoice(options["owners"], options["grants"], options["tablespaces"])
        connection = connections[options["database"]]
        self.announce(connection, lift=True).check_writable()
        archive = open_archive(
            options["file"], find_tools(server_major(connection), options["tools"])
        )
        if origin := archive.origin():
            self.say(f"{visible(archive.path)}: {origin}")
        if not options["replace"]:
            check_empty(connection)
        self._confirm(connection)
        self._check(connection, archive)
        self._restore(connection, archive)
        self._summarize(connection)

    def _check(self, connection: BaseDatabaseWrapper, archive: Archive) -> None:
        """Check everything that can be known before, quick checks first. Raises `CommandError`."""
        check_direct(connection)
        check_server(connection, archive)
        check_dependents(connection, archive)
        check_contents(archive)
        check_roles(connection, archive, self.choice)
        if self.choice.tablespaces:
            check_tablespaces(connection, archive)
        archive.check_whole()

    def _confirm(self, connection: BaseDatabaseWrapper) -> None:
        """Let the user type the name of a database that is not empty. Raises `CommandError`."""
        if not contents_of(connection):
            return
        name = connection.settings_dict["NAME"]
        answer = self.options["confirm"]
        if answer is None and not self.options["interactive"]:
            if settings.DEBUG:
                return
            raise CommandError(
                "DEBUG is off, so --noinput alone replaces nothing: name the database to "
                f"replace, --confirm {name}. {UNCHANGED}"
            )
        if answer is None:
            answer = self.typed_name(connection, "replace what is in it")
        if answer != name:
            raise CommandError(f"the database's name is {name}, not {answer!r}. {UNCHANGED}")

    def _restore(self, connection: BaseDatabaseWrapper, archive: Archive) -> None:
        progress = StatusLine(self.stderr, shown=self.options["verbosity"] >= 1)
        timeout = self.options["lock_timeout"]
        try:
            running = "a migrate, reset_db or restore_db is running"
            with progress, self.migration_lock(connection, timeout, running, UNCHANGED):
                # Once more, because no `migrate` can change it any more.
                if not self.options["replace"]:
                    check_empty(connection)
                check_dependents(connection, archive)
                replace_schemas(connection, archive, self.choice, timeout, progress.show)
        except OutsideChangedError as error:
            raise CommandError(
                "an object outside public and django would have been dropped too, or another "
                f"session is changing one. {UNCHANGED}"
            ) from error
        except (DatabaseError, psycopg.Error) as error:
            raise CommandError(self._explain(connection, error)) from error

    def _explain(self, connection: BaseDatabaseWrapper, error: Exception) -> str:
        if is_lock_timeout(error):
            who = who_is_in_the_way(connection)
            return f"other sessions block it: {who}. Close them, and try again. {UNCHANGED}"
        if getattr(error.__cause__ or error, "sqlstate", None) in MISSING:
            return f"{one_line(error)}: create first what backup_db said it needs. {UNCHANGED}"
        # The contents of the file may be wrong in any way: this is never a bug of this program.
        return f"{clear_line(error) or one_line(error)}. {UNCHANGED}"

    def _summarize(self, connection: BaseDatabaseWrapper) -> None:
        if self.options["verbosity"] < 1:
            return
        seconds = time.monotonic() - self.started
        self.stdout.write(f"{visible(self.options['file'])}: restored in {seconds:.1f} s")
        self.stdout.write(f"{read_summary(connection)}")
        if read_triggers(asking(connection)).triggers:
            self.stderr.write(
                "The backup is from a distributed database. manage.py distribute distributes the "
                "logs again, and distribute --undo adds their foreign keys again."
            )
            return
        audit_result(connection, self.say, self.stderr.write)
