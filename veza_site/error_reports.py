"""Django's error reports (the DEBUG page, mails), without the secrets of the settings."""

import re
from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from veza_site.environment import SECRET_NAMES
from veza_site.secrecy import masked_report


class SettingsFilter(SafeExceptionReporterFilter):
    """Django's filter. It also knows our names, and hides sensitive values even if DEBUG is on."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|^({'|'.join(sorted(SECRET_NAMES))})$",
        re.IGNORECASE,
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


class Reporter(ExceptionReporter):
    """Django's reporter. The complete report is masked, because variables and messages may contain
    secrets under other names.
    """

    def get_traceback_html(self) -> Any:
        return masked_report(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return masked_report(super().get_traceback_text())
