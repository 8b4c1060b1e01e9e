"""`manage.py sqldsn`: that of django-extensions, without secrets."""

import io
from contextlib import redirect_stdout
from typing import Any

from django_extensions.management.commands import sqldsn

from veza_site.secrecy import masked_report


class Command(sqldsn.Command):
    """Print how to reach the databases, secrets masked."""

    def handle(self, *arguments: Any, **options: Any) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            super().handle(*arguments, **options)
        self.stdout.write(masked_report(printed.getvalue()), ending="")
