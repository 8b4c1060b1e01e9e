"""Masks secrets in what commands of django-extensions print."""

import io
from contextlib import redirect_stdout
from typing import Any

from django.core.management.base import BaseCommand

from veza_site.secrecy import masked_report


class MaskedMixin(BaseCommand):
    """It comes before the other package's command among the bases."""

    def handle(self, *args: Any, **options: Any) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            super().handle(*args, **options)
        self.stdout.write(masked_report(printed.getvalue()), ending="")
