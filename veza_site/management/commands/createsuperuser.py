"""`createsuperuser`: the command of Django, which says first where it writes."""

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Makes the first account."""
