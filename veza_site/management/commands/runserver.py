"""`manage.py runserver`: Django's, on loopback addresses only while DEBUG is on."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver
from django.db import DatabaseError, connection

from veza_core.db.waits import bounded_waits
from veza_core.errors import clear_line
from veza_site import loopback


class Command(runserver.Command):
    """The server for development."""

    addr: str

    def run(self, **options: Any) -> None:
        """Serve. Raises `ImproperlyConfigured` where others could reach it, and DEBUG is on."""
        if settings.DEBUG:
            loopback.confirm([self.addr])
        super().run(**options)

    def check_migrations(self) -> None:
        """Warn of pending migrations; a lock on their history keeps no server from starting."""
        with bounded_waits() as waits:
            try:
                super().check_migrations()
            except DatabaseError as error:
                if not (told := waits.told(error)):
                    raise
                self.stderr.write(f"{clear_line(error)}{told}", self.style.WARNING)
            finally:
                # Pages wait as the site's settings say.
                connection.close()
