"""`loaddata`: the command of Django, for development only."""

from django.core.management.commands.loaddata import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Loads a fixture."""

    destroys = "replaces the rows that have the keys of its own"
