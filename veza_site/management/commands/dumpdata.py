"""`dumpdata`: Django's command, which prints what it saves, and writes the same into the file."""

from typing import Any

from django.core.management.commands.dumpdata import Command as DjangoCommand

from veza_core.db.session import Session
from veza_core.management.announced import AnnouncedMixin
from veza_site.serializers import saved_from


class Command(AnnouncedMixin, DjangoCommand):
    """Saves rows as a fixture. Messages go to standard error."""

    prints_data = True
    only_reads = True

    def run(self, session: Session, *args: Any, **options: Any) -> Any:
        """Save them."""
        with saved_from(session) as origin:
            outcome = super().run(session, *args, **options)
        if not origin.is_told and options["verbosity"]:
            self.stderr.write("There are no rows, so the fixture does not say where it is from.")
        return outcome
