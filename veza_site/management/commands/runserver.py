"""`manage.py runserver`: Django's, on loopback addresses only while DEBUG is on."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver

from veza_site import loopback


class Command(runserver.Command):
    """The server for development."""

    addr: str

    def run(self, **options: Any) -> None:
        """Serve. Raises `ImproperlyConfigured` where others could reach it, and DEBUG is on."""
        if settings.DEBUG:
            loopback.confirm([self.addr])
        super().run(**options)
