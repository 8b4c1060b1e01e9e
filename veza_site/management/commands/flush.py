"""`flush`: Django's command, only for development, like reset_db."""

from django.core.management.commands.flush import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Empties the tables."""

    destroys = "deletes the rows of all tables"
