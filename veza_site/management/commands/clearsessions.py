"""`clearsessions`: Django's command, which first prints where it writes."""

from django.contrib.sessions.management.commands.clearsessions import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Deletes sessions of the admin that have ended."""
