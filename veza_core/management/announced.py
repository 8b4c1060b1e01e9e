"""What a command of Django's or of another package gets, to write as ours do."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from veza_core.db.session import Session, announce
from veza_core.db.waits import told
from veza_core.errors import clear_line


class AnnouncedMixin(BaseCommand):
    """Says first where it writes.

    Stands before the other package's command among the bases. `--verbosity 0` is silent.
    """

    #: Its output is data: where it is, is said on standard error.
    prints_data = False
    #: It only reads the database, and saves a file.
    only_reads = False
    #: What it does to the rows that are there; it is refused where DEBUG is off.
    destroys = ""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Say where, and do it. Raises `CommandError` in one line, with nothing changed."""
        if self.destroys and not settings.DEBUG:
            name = type(self).__module__.rsplit(".", 1)[1]
            raise CommandError(
                f"{name} {self.destroys}, so it is for development only, and DEBUG is off: "
                "nothing was changed"
            )
        connection = connections[options.get("database") or DEFAULT_DB_ALIAS]
        stream = self.stderr if self.prints_data else self.stdout
        say = stream.write if options["verbosity"] else lambda line: None
        session = announce(connection, say)
        if not self.only_reads:
            session.check_writable()
        try:
            return self.run(session, *args, **options)
        except CommandError as error:
            # Django's commands wrap what PostgreSQL said in several lines of possible reasons.
            cause = error.__cause__ or error.__context__
            if isinstance(cause, DatabaseError) and clear_line(cause):
                raise CommandError(told(cause)) from error
            raise

    def run(self, session: Session, *args: Any, **options: Any) -> Any:
        """What the other package's command does; `session` says where."""
        return super().handle(*args, **options)
