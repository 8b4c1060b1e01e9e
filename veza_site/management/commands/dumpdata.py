"""`dumpdata`: the command of Django, which says first what it saves."""

from django.core.management.commands.dumpdata import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Saves rows as a fixture; what it says is on standard error."""

    prints_data = True
    only_reads = True
