"""Makes commands of Django and other packages report like ours."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from veza_core.db.session import Session
from veza_core.db.waits import explain
from veza_core.errors import clear_line
from veza_core.management.base import AnnouncingCommand


class AnnouncedMixin(AnnouncingCommand):
    """First prints where the command writes.

    It comes before the other package's command among the bases. `--verbosity 0` prints nothing.
    """

    #: It only reads the database, and saves a file.
    only_reads = False
    #: What it does to existing rows. Such a command is refused if DEBUG is off.
    destroys = ""

    def handle(self, *args: Any, **options: Any) -> Any:
        """Print where, and do it. Raises `CommandError` in one line, with nothing changed."""
        if self.destroys and not settings.DEBUG:
            name = type(self).__module__.rsplit(".", 1)[1]
            raise CommandError(
                f"{name} {self.destroys}, so it is for development only, and DEBUG is off: "
                "nothing was changed"
            )
        connection = connections[options.get("database") or DEFAULT_DB_ALIAS]
        session = self.announce(connection)
        if not self.only_reads:
            session.check_writable()
        try:
            return self.run(session, *args, **options)
        except CommandError as error:
            # Django's commands wrap PostgreSQL's message in several lines of possible reasons.
            cause = error.__cause__ or error.__context__
            if isinstance(cause, DatabaseError) and clear_line(cause):
                raise CommandError(explain(cause)) from error
            raise

    def run(self, session: Session, *args: Any, **options: Any) -> Any:
        """What the other package's command does; `session` is where."""
        return super().handle(*args, **options)
