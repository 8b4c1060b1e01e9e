"""`createcachetable`: Django's command, which first prints where it writes."""

from django.core.management.commands.createcachetable import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Creates the cache tables, if the settings have a cache in the database."""
