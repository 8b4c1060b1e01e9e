"""`manage.py print_settings`: that of django-extensions, without secrets."""

import io
from contextlib import redirect_stdout
from typing import Any

from django_extensions.management.commands import print_settings

from veza_site.secrecy import masked_report


class Command(print_settings.Command):
    """Print the settings, secrets masked."""

    def handle(self, *arguments: Any, **options: Any) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            super().handle(*arguments, **options)
        self.stdout.write(masked_report(printed.getvalue()), ending="")
