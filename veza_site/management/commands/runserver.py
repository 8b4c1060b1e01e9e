"""`manage.py runserver`: Django's, on loopback addresses only while DEBUG is on."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver
from django.core.management.base import CommandError

from veza_site import loopback


class Command(runserver.Command):
    """The server for development."""

    addr: str

    def handle(self, *args: Any, **options: Any) -> None:
        if options["addrport"] is not None and not options["addrport"].strip():
            raise CommandError("argument addrport: it is given but empty")
        super().handle(*args, **options)

    def run(self, **options: Any) -> None:
        """Serve. Raises `ImproperlyConfigured` where others could reach it, and DEBUG is on."""
        if settings.DEBUG:
            loopback.confirm([self.addr])
        super().run(**options)
