"""`manage.py diffsettings`: Django's, without secrets."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import diffsettings

from veza_site.secrecy import masked


class Command(diffsettings.Command):
    """Settings that differ from Django's own, secrets masked."""

    def handle(self, **options: Any) -> str:
        if options["default"] is not None and not options["default"].strip():
            raise CommandError("argument --default: it is given but empty")
        return masked(super().handle(**options))
