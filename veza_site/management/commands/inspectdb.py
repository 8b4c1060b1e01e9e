"""`inspectdb`: Django's command, which says where it read. It fails if it cannot read a table."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.inspectdb import Command as DjangoCommand
from django.db import connections

from veza_core.db.session import read_session

UNREAD, WHY = "# Unable to inspect table ", "# The error was: "


class Command(DjangoCommand):
    """Prints a model for each table."""

    def handle_inspection(self, options: dict[str, Any]) -> Iterator[str]:
        """Django's lines. Raises `CommandError` after the last one if a table has no model."""
        # A comment, because people save the output as a module.
        yield f"# {read_session(connections[options['database']])}"
        unread = []
        for line in super().handle_inspection(options):
            if line.startswith(UNREAD):
                unread.append(line.removeprefix(UNREAD))
            # PostgreSQL's message has several lines, which would not all be comments.
            yield " ".join(line.split()) if line.startswith(WHY) else line
        if unread:
            raise CommandError(
                f"could not read {', '.join(unread)}, so no model was printed for it"
            )
