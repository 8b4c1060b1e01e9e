"""Settings come from the environment; a missing one is reported in one line."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.support import ROOT, database_url, is_one_clear_line, manage, manage_process

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "admin.example.com",
    "BEHIND_TLS_PROXY": "1",
    # No test here connects to it.
    "DATABASE_URL": "postgresql://veza@db.invalid/veza",
}


WEB = """
import veza_site.wsgi
"""


def test_web_server_needs_a_secret():
    for secret in ("", "  "):
        done = subprocess.run(
            [sys.executable, "-c", WEB],
            cwd=ROOT,
            env={**os.environ, **PRODUCTION, "SECRET_KEY": secret},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "SECRET_KEY is not set" in done.stderr.splitlines()[-1]


def test_web_server_needs_to_know_of_a_proxy():
    for said in ("", " "):
        environment = {**PRODUCTION, "BEHIND_TLS_PROXY": said}
        if not said:
            del environment["BEHIND_TLS_PROXY"]
        done = subprocess.run(
            [sys.executable, "-c", WEB],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "BEHIND_TLS_PROXY" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", ""), ("DATABASE_URL", "mysql://h/d"), ("SESSION_MINUTES", "long")],
)
def test_gunicorn_says_what_is_wrong_in_one_line(name, value):
    """And no worker is started again and again."""
    done = subprocess.run(
        [Path(sys.executable).with_name("gunicorn"), "--workers=1", "--bind=127.0.0.1:0"],
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if line.startswith("gunicorn: ")]
    assert name in line
    assert "Traceback" not in done.stderr


def test_deployment_check_needs_a_secret():
    result = manage_process("check", "--deploy", **{**PRODUCTION, "SECRET_KEY": ""})
    assert result.returncode == 1
    assert "SECRET_KEY is not set" in result.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["migrate --check", "purge --dry-run", "backup_db", "status"])
def test_commands_need_no_secret(command, tmp_path):
    arguments = command.split()
    if command == "backup_db":
        arguments.append(str(tmp_path / "file"))
    url = database_url(connection.settings_dict["NAME"])
    result = manage_process(*arguments, DEBUG="0", SECRET_KEY="", DATABASE_URL=url)
    assert "SECRET_KEY" not in result.stderr
    assert result.returncode == (1 if command == "status" else 0), result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("DEBUG", " "),
        ("CONN_MAX_AGE", "long"),
        ("CONN_MAX_AGE", "-1"),
        ("CONN_MAX_AGE", "1O"),
        ("SESSION_MINUTES", ""),
        ("SESSION_MINUTES", "99999999999999"),
        ("MIGRATE_LOCK_TIMEOUT", "nan"),
        ("MIGRATE_LOCK_TIMEOUT", "0"),
        ("SUPPORT_STATEMENT_TIMEOUT", "1e12"),
        ("PURGE_TOKENS_AFTER_DAYS", " "),
        ("PURGE_TOKENS_AFTER_DAYS", "3O"),
        ("PURGE_TOKENS_AFTER_DAYS", "-1"),
        ("PURGE_TOKENS_AFTER_DAYS", "\u0663"),
        ("EMBEDDED_DATABASE", " "),
        ("STATIC_ROOT", ""),
        ("LOG_FORMAT", "xml"),
        ("METRICS_TOKEN", "short"),
        # As a fallback, it would become two shorter keys.
        ("SECRET_KEY", "x" * 50 + "," + "y" * 9),
    ],
)
def test_value_of_the_wrong_kind(name, value):
    result = manage_process("check", **{**PRODUCTION, name: value})
    assert is_one_clear_line(result), result.stderr
    assert name in result.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("WEB_WORKERS", "1O"), ("WEB_THREADS", "0"), ("BIND", " ")]
)
def test_value_of_the_wrong_kind_for_the_web_server(name, value):
    done = subprocess.run(
        [Path(sys.executable).with_name("gunicorn"), "--check-config"],
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert name in done.stderr


def test_hosts_may_have_spaces_between():
    code = "from django.conf import settings; print(settings.ALLOWED_HOSTS)"
    environment = {**PRODUCTION, "ALLOWED_HOSTS": "a.example, b.example,"}
    done = manage_process("shell", "--no-imports", "-c", code, **environment)
    assert done.stdout == "['a.example', 'b.example']\n"


def test_deployment_check_is_clean():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_traceback_on_demand():
    result = manage("check", "--traceback", DEBUG="perhaps")
    assert result.returncode != 0
    assert "Traceback" in result.stderr
