"""Where settings, variables and errors are shown, no secret of the settings is shown."""

import html
import io
import json
import logging
import re
import sys
import traceback
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import RequestFactory
from django.views.debug import get_exception_reporter_class

from veza_core.db.url import connection_parameters
from veza_site.environment import NAMES, SECRET_NAMES
from veza_site.logs import JsonFormatter, TextFormatter

PASSWORD = "p'w<&>\\d of the owner"
READER = "reader/s p@ssword"
#: Longer than a line: pprint breaks text at a space, and bytes anywhere.
KEY = "the-key-that-signs-sessions-0123456789 and has \"words\", 'quotes' and a tail of its own'<"
TOKEN = "the-token-of-prometheus"
#: Too short to be masked everywhere.
SHORT = "s3cr"
SECRETS = (PASSWORD, READER, KEY, TOKEN)
URL = f"postgresql://veza:{quote(PASSWORD, safe='')}@db.invalid/veza"
READER_URL = f"postgresql://veza_support:{quote(READER, safe='')}@db.invalid/veza"


@pytest.fixture(autouse=True)
def secret_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATABASE_URL = URL
    settings.DATABASE_SUPPORT_URL = READER_URL
    settings.SECRET_KEY = KEY
    settings.METRICS_TOKEN = TOKEN
    databases = django_settings.DATABASES
    monkeypatch.setitem(databases["default"], "PASSWORD", PASSWORD)
    monkeypatch.setitem(databases, "support", {**databases["default"], "PASSWORD": READER})


def spellings(secret: str) -> set[str]:
    """Its spellings in text, repr, URLs and HTML."""
    plain = {secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1]}
    plain.add(json.dumps(secret)[1:-1])
    return plain | {html.escape(text) for text in plain}


def shown(text: str) -> set[str]:
    """The secrets that a text shows, in any spelling, and broken into literals."""
    flat = re.sub(r"(['\"])\s*\n\s*b?(['\"])", "", html.unescape(text))
    # A literal with one kind of quotes escapes none; a literal with both kinds escapes one.
    text += flat + flat.replace("\\'", "'").replace('\\"', '"').replace("\\\\", "\\")
    return {secret for secret in SECRETS for spelling in spellings(secret) if spelling in text}


def test_a_new_secret_is_known_by_its_name() -> None:
    """All settings with a URL, key, token or password are secret."""
    assert {"DATABASE_URL", "DATABASE_SUPPORT_URL", "SECRET_KEY", "METRICS_TOKEN"} <= SECRET_NAMES
    assert {"EMBEDDED_DIRECTORY", "DEBUG", "BIND", "EXPORT_MAX_ROWS"} <= NAMES - SECRET_NAMES


def failure() -> Any:
    # What a report shows of this frame.
    address, words = URL, [READER, {"nested": KEY, "more": [[KEY]], "octets": KEY.encode()}]
    octets, _parameters = KEY.encode(), {"user": "veza", "password": SHORT}
    try:
        raise ValueError(f"cannot use {address!r}, {words}, {TOKEN}, {octets!r}")
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("kind", ["html", "text"])
def test_error_report(settings: Any, debug: bool, kind: str) -> None:
    """Django's DEBUG page, and its mail: settings, variables, environment, message, POST."""
    settings.DEBUG = debug
    request = RequestFactory().post(
        "/", {"password": "typed"}, DATABASE_URL=URL, PGPASSWORD=PASSWORD, X=f"Bearer {TOKEN}"
    )
    reporter = get_exception_reporter_class(request)(request, *failure())
    report = reporter.get_traceback_html() if kind == "html" else reporter.get_traceback_text()
    assert "cannot use" in report
    assert "DATABASE_SUPPORT_URL" in report
    assert shown(report) == set()
    assert SHORT not in report


FORMATS = ("simple", "json", "pprint", "text", "value")


@pytest.mark.parametrize(
    "options", [(), ("--all",), ("--output=unified",), ("--all", "--no-color")]
)
def test_diffsettings(options: Any) -> None:
    out = io.StringIO()
    call_command("diffsettings", *options, stdout=out)
    assert "DATABASE_SUPPORT_URL" in out.getvalue()
    assert shown(out.getvalue()) == set()


@pytest.mark.filterwarnings("ignore:The EMAIL_.* setting is deprecated")
@pytest.mark.parametrize("style", FORMATS)
def test_print_settings(style: str) -> None:
    out = io.StringIO()
    names = ("DATABASE*", "SECRET*", "METRICS*")
    with redirect_stdout(out):
        call_command("print_settings", *names, "--format", style, stdout=out)
    assert "********" in out.getvalue()
    assert shown(out.getvalue()) == set()


@pytest.mark.parametrize("style", ["args", "keyvalue", "kwargs", "uri", "pgpass"])
def test_sqldsn(style: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        call_command("sqldsn", "--all", "--style", style, stdout=out)
    assert shown(out.getvalue()) == set()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_log(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("veza", logging.ERROR, __file__, 1, "no %s", (URL,), failure())
    record.stack_info = f"Stack\n  {KEY}"
    assert shown(formatter.format(record)) == set()


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("db.invalid", "[db.invalid"),
        URL.replace("db.invalid", "db.invalid:port"),
        URL + "?nonsense=1",
        URL + "?password=" + quote(READER),
        URL + "%zz",
        URL.replace("postgresql", "mysql"),
        URL.replace("postgresql://", ""),
        URL.replace("postgresql://", "postgresql:/"),
        f"host=db.invalid password={READER}",
        URL.removesuffix("/veza"),
        URL.replace("/veza", f"/veza?service={TOKEN}"),
    ],
)
def test_malformed_url(url: str) -> None:
    """Not in the printed line, and not in a traceback with all causes."""
    with pytest.raises(ImproperlyConfigured) as refused:
        connection_parameters(url)
    told = "".join(traceback.format_exception(refused.value))
    assert shown(told.replace(unquote(TOKEN), "")) == set()
