"""`flush`: the command of Django, for development only, as reset_db is."""

from django.core.management.commands.flush import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Empties the tables."""

    destroys = "deletes the rows of all tables"
