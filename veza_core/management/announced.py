"""Makes commands of Django and other packages report like ours, or refuses them."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from veza_core.db.session import Session, announce
from veza_core.db.waits import explain
from veza_core.errors import clear_line

#: Commands that write, and what they do to existing rows: see `AnnouncedMixin.destroys`.
ANNOUNCED = {
    **dict.fromkeys(
        ("addstatictoken", "changepassword", "clearsessions", "createcachetable",
         "remove_stale_contenttypes", "merge_model_instances", "set_fake_passwords", "syncdata",
         "update_permissions"),
        "",
    ),
    "flush": "deletes the rows of all tables",
    "loaddata": "replaces rows that have the same keys",
}  # fmt: skip

#: Commands of django-extensions that would drop objects of others, and why they are refused.
REFUSED = {
    # It does not use this project's engine.
    "drop_test_database": "drop_test_database would drop databases on whatever server libpq finds, "
    "and `make test` drops its own. Nothing was dropped.",
    "reset_schema": "reset_schema would drop what other services have built on public: "
    "manage.py reset_db does not. Nothing was dropped.",
}


class AnnouncedMixin(BaseCommand):
    """First prints where the command writes.

    It comes before the other package's command among the bases. `--verbosity 0` prints nothing.
    """

    #: Its output is data, so the place is printed on standard error.
    prints_data = False
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
        stream = self.stderr if self.prints_data else self.stdout
        say = stream.write if options["verbosity"] else lambda line: None
        session = announce(connection, say)
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


def adapted(name: str, command: BaseCommand) -> BaseCommand:
    """The command, as this project runs it: announced, refused, or unchanged."""
    kind = type(command)
    if name in REFUSED:

        def refuse(*args: Any, **options: Any) -> None:
            raise CommandError(REFUSED[name])

        command.handle = refuse  # type: ignore[method-assign]
    elif name in ANNOUNCED:
        more = {"__module__": kind.__module__, "destroys": ANNOUNCED[name]}
        adapted_kind: type[BaseCommand] = type(kind.__name__, (AnnouncedMixin, kind), more)
        return adapted_kind()
    return command
