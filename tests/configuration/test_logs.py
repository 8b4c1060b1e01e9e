"""Log lines: each record is one line or one object, with a time, and nobody can forge another."""

import json
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory
from gunicorn.config import Config

from tests.support import ROOT, manage_process
from veza_site.access_log import GunicornLogger
from veza_site.logs import JsonFormatter, TextFormatter, logging_settings

FORGERY = "x\n2026-01-01T00:00:00.000+00:00 ERROR django: forged\r\x1b[2J\x85\u2028y"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
#: Splits a text as programs do.
BREAKS = re.compile("[\n\r\x0b\x0c\x1b\x1c-\x1e\x85\u2028\u2029]")


def record(message: str = "%s", *arguments: Any, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("veza.test", logging.WARNING, __file__, 1, message, arguments, None)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def failure() -> Any:
    try:
        raise ValueError(FORGERY)
    except ValueError:
        return sys.exc_info()


def test_text():
    made = record("%s of %s", 1, 2)
    made.created = datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=UTC).timestamp()
    assert TextFormatter().format(made) == (
        "2026-03-01T12:30:00.250+00:00 WARNING veza.test: 1 of 2"
    )


def test_text_is_one_line():
    line = TextFormatter().format(record("%s", FORGERY))
    assert not BREAKS.search(line)
    assert r"x\n2026-01-01" in line


def test_only_a_record_begins_a_line():
    made = record("%s", FORGERY, exc_info=failure(), stack_info=f"Stack\n{FORGERY}")
    first, *rest = TextFormatter().format(made).split("\n")
    assert re.match(TIME, first)
    assert len(rest) > 4
    assert all(line.startswith("    ") and not BREAKS.search(line) for line in rest)
    assert any("ValueError: x" in line for line in rest)


def test_json():
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")
    made = record("%s", FORGERY, exc_info=failure(), request=request, status_code=500)
    line = JsonFormatter().format(made)
    assert not BREAKS.search(line)
    entry = json.loads(line)
    assert re.fullmatch(TIME, entry.pop("time"))
    exception = entry.pop("exception")
    assert exception.startswith("Traceback")
    assert exception.endswith(f"ValueError: {FORGERY}")
    assert entry == {
        "level": "WARNING",
        "logger": "veza.test",
        "message": FORGERY,
        "address": "192.0.2.7",
        "status": 500,
    }


def test_json_has_no_field_that_was_not_named():
    entry = json.loads(JsonFormatter().format(record("m", query="what staff searched for")))
    assert set(entry) == {"time", "level", "logger", "message"}


@pytest.mark.parametrize(("behind_proxy", "address"), [(False, "192.0.2.7"), (True, "2001:db8::1")])
def test_address(settings, behind_proxy, address):
    """Only the last entry is used, because the proxy added it; the client wrote the others."""
    settings.BEHIND_TLS_PROXY = behind_proxy
    request = RequestFactory().get(
        "/", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.9, 2001:DB8:0::1"
    )
    assert json.loads(JsonFormatter().format(record("m", request=request)))["address"] == address
    assert f"veza.test [{address}]: m" in TextFormatter().format(record("m", request=request))


def test_a_record_about_no_http_request():
    assert "address" not in json.loads(JsonFormatter().format(record("m", request=object())))


def test_settings_are_djangos():
    """With DEBUG off, only this process's errors are logged, but not a scanner's hosts."""
    loggers = logging_settings("json", debug=False)["loggers"]
    assert loggers["django"]["level"] == "WARNING"
    assert loggers["django.security.DisallowedHost"]["handlers"] == ["nowhere"]


@pytest.mark.process
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_whole(log_format):
    """With Django: a request that fails, whose path would forge a line."""
    code = (
        "import logging; from django.test import Client; "
        "c = Client(raise_request_exception=False); "
        "c.get('/nothing%0A2026-01-01T00:00:00.000+00:00%20ERROR%20forged'); "
        "logging.getLogger('a.library').warning('two\\nlines')"
    )
    result = manage_process(
        "shell", "--no-imports", "-c", code, LOG_FORMAT=log_format, ALLOWED_HOSTS="*"
    )
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 2, lines
    if log_format == "json":
        entries = [json.loads(line) for line in lines]
        assert [entry["logger"] for entry in entries] == ["django.request", "a.library"]
        assert entries[0]["status"] == 404
        assert entries[0]["address"] == "127.0.0.1"
        assert entries[1]["message"] == "two\nlines"
    else:
        assert re.match(TIME + r" WARNING django\.request \[127\.0\.0\.1\]: Not Found", lines[0])
        assert re.fullmatch(TIME + r" WARNING a\.library: two\\nlines", lines[1])


@pytest.mark.process
def test_another_format_is_refused():
    result = manage_process("check", LOG_FORMAT="xml")
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "LOG_FORMAT" in result.stderr


# gunicorn's --------------------------------------------------------------------------------------


def gunicorn_line(monkeypatch: Any, log_format: str, *, behind_proxy: bool, path: str) -> str:
    """The access log's line about a request."""
    monkeypatch.setattr(GunicornLogger, "log_format", log_format)
    monkeypatch.setattr(GunicornLogger, "behind_proxy", behind_proxy)
    configuration = Config()
    namespace: dict[str, Any] = {"__file__": str(ROOT / "gunicorn.conf.py")}
    exec((ROOT / "gunicorn.conf.py").read_text(), namespace)  # noqa: S102
    # Reading it sets these from the environment.
    monkeypatch.setattr(GunicornLogger, "log_format", log_format)
    monkeypatch.setattr(GunicornLogger, "behind_proxy", behind_proxy)
    configuration.set("accesslog", "-")
    configuration.set("access_log_format", namespace["access_log_format"])
    logger = GunicornLogger(configuration)
    lines: list[str] = []
    # pytest has its own handlers there.
    handler = logger._get_gunicorn_handler(logger.access_log)
    monkeypatch.setattr(handler, "emit", lambda made: lines.append(handler.format(made)))
    environ = {
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_X_FORWARDED_FOR": "203.0.113.9, 2001:db8::1",
        "HTTP_USER_AGENT": FORGERY,
        "HTTP_REFERER": FORGERY,
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{path}?q=secret-search",
        "PATH_INFO": path,
        "QUERY_STRING": "q=secret-search",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    response = SimpleNamespace(status="200 OK", sent=123, headers=[], response_length=123)
    request = SimpleNamespace(headers=[], method="GET", uri=path, version=(1, 1))
    duration = SimpleNamespace(seconds=0, microseconds=5000)
    logger.access(response, request, environ, duration)
    [line] = lines
    assert not BREAKS.search(line)
    assert "secret-search" not in line
    return line


@pytest.mark.parametrize(("behind_proxy", "address"), [(False, "192.0.2.7"), (True, "2001:db8::1")])
def test_access_log(monkeypatch, behind_proxy, address):
    path = '/a"\n{"forged": 1}\x1bé'.encode().decode("latin-1")
    escaped = "/a%22%0A%7B%22forged%22%3A%201%7D%1B%C3%A9"
    line = gunicorn_line(monkeypatch, "json", behind_proxy=behind_proxy, path=path)
    entry = json.loads(line)
    assert re.fullmatch(TIME, entry.pop("time"))
    assert entry == {
        "level": "INFO",
        "logger": "gunicorn.access",
        "message": f"GET {escaped} 200",
        "address": address,
        "method": "GET",
        "path": escaped,
        "status": 200,
        "bytes": 123,
        "milliseconds": 5,
    }
    line = gunicorn_line(monkeypatch, "text", behind_proxy=behind_proxy, path=path)
    assert re.fullmatch(
        rf'{TIME} INFO gunicorn\.access: {address} "GET {re.escape(escaped)}" 200 123 bytes 5 ms',
        line,
    ), line


@pytest.mark.process
def test_gunicorn_says_everything_in_json():
    """Also its own messages about its start."""
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--workers", "1", "tests.nothing:application"],
        cwd=ROOT,
        env={"PATH": "", "DEBUG": "1", "LOG_FORMAT": "json", "BIND": "127.0.0.1:0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    # gunicorn prints the error again, without a logger.
    lines = [line for line in done.stderr.splitlines() if line != "No module named 'tests.nothing'"]
    entries = [json.loads(line) for line in lines]
    assert entries[0]["message"].startswith("Starting gunicorn")
    assert {entry["logger"] for entry in entries} == {"gunicorn.error"}
    assert any("tests.nothing" in entry.get("exception", "") for entry in entries)
