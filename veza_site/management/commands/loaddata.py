"""`loaddata`: Django's command, only for development."""

from django.core.management.commands.loaddata import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Loads a fixture."""

    destroys = "replaces rows that have the same keys"
