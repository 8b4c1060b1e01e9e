"""`createcachetable`: the command of Django, which says first where it writes."""

from django.core.management.commands.createcachetable import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Makes the tables of caches, where a setting keeps one in the database."""
