"""Log lines as text or as JSON objects (`LOG_FORMAT`), all on standard error.

The standard library's formatter writes only the named fields. A library that writes every `extra`
field would log requests with their queries, which may contain what staff searched for.
"""

import json
import logging
from copy import copy
from datetime import UTC, datetime
from typing import Any

from veza_site.secrecy import masked


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


#: Control characters, and other characters that some programs treat as a line end. A message with
#: one could look like two, or control a terminal.
ESCAPES = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
}


class ClientErrors(logging.Filter):
    """Makes one warning of an error that a client can cause: status 400 to 499 is not our error.

    Django logs some of these (`SuspiciousOperation`, `BadRequest`, `PermissionDenied`) with a
    traceback, and some as errors.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, or a copy without the traceback."""
        if not 400 <= getattr(record, "status_code", 0) < 500:
            return record
        record = copy(record)
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return record


class TextFormatter(logging.Formatter):
    """Time in UTC, level, logger, the client's address if there is one, message, traceback.

    Lines that continue a record are indented.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(client)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        address = _address(record)
        record.client = f" [{address}]" if address else ""
        return masked(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return super().formatMessage(record).translate(ESCAPES)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _indented(super().formatStack(stack_info))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and other known fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
            "address": _address(record),
            "account": _account(record),
            "status": getattr(record, "status_code", None),
            # For the access log: see veza_site.access_log.
            **getattr(record, "access", {}),
            # For sign-ins: see veza_site.support.security_log.
            **getattr(record, "security", {}),
        }
        if record.exc_info:
            entry["exception"] = masked(self.formatException(record.exc_info))
        if record.stack_info:
            entry["stack"] = masked(self.formatStack(record.stack_info))
        return json.dumps({name: value for name, value in entry.items() if value is not None})


def formatter(log_format: str) -> logging.Formatter:
    """The formatter for a value of `LOG_FORMAT`: text or json."""
    return JsonFormatter() if log_format == "json" else TextFormatter()


def logging_settings(log_format: str, *, debug: bool) -> dict[str, Any]:
    """Django's LOGGING. Django's own logs no errors if DEBUG is off; here they go to standard
    error.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "veza_site.logs.formatter", "log_format": log_format}},
        "filters": {"client_errors": {"()": "veza_site.logs.ClientErrors"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["client_errors"],
            },
            "nowhere": {"class": "logging.NullHandler"},
        },
        # For loggers that none below handles, such as the warnings of libraries.
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "django": {
                "handlers": ["stderr"],
                "level": "INFO" if debug else "WARNING",
                "propagate": False,
            },
            # Django's responses to HEAD have a body, and gunicorn logs each time that it drops it.
            "gunicorn.http.wsgi": {"level": "ERROR"},
            # Successful sign-ins are logged too.
            "veza.security": {"level": "INFO"},
            # Scanners try unknown hosts all day. Each would cause a traceback.
            "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
        },
    }


def _indented(text: str) -> str:
    return "\n".join(f"    {line.translate(ESCAPES)}" for line in text.split("\n"))


def _address(record: logging.LogRecord) -> str | None:
    """The client's address, if the record is about a request."""
    request = getattr(record, "request", None)
    if request is None:
        return None
    # Imported here, because the settings import this module.
    from django.http import HttpRequest

    from veza_site.address import client_address

    return client_address(request) if isinstance(request, HttpRequest) else None


def _account(record: logging.LogRecord) -> str | None:
    """The account of the request that the record is about, if it is known."""
    access = getattr(getattr(record, "request", None), "access", None)
    key = access.user.pk if access is not None else None
    return str(key) if key is not None else None
