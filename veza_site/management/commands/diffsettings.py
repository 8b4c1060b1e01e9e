"""`manage.py diffsettings`: Django's, without secrets."""

from typing import Any

from django.core.management.commands import diffsettings

from veza_site.secrecy import masked_report


class Command(diffsettings.Command):
    """Settings that differ from Django's own, secrets masked."""

    def handle(self, **options: Any) -> str:
        return masked_report(super().handle(**options))
