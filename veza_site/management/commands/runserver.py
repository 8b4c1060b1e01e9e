"""`manage.py runserver`: Django's, only on loopback addresses if DEBUG is on."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver
from django.db import DatabaseError, connection

from veza_core.db.waits import bounded_waits
from veza_core.errors import clear_line
from veza_site import loopback


class Command(runserver.Command):
    """The development server."""

    addr: str

    def run(self, **options: Any) -> None:
        """Serve. Raises `ImproperlyConfigured` if DEBUG is on and others could connect."""
        if settings.DEBUG:
            loopback.confirm([self.addr])
        super().run(**options)

    def check_migrations(self) -> None:
        """Warn about pending migrations. A lock on their history does not prevent the start."""
        with bounded_waits() as waits:
            try:
                super().check_migrations()
            except DatabaseError as error:
                if not (text := waits.timeout_text(error)):
                    raise
                self.stderr.write(f"{clear_line(error)}{text}", self.style.WARNING)
            finally:
                # Pages use the lock timeouts of the site's settings.
                connection.close()
