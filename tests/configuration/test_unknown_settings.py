"""A misspelt setting is refused; otherwise its default would be used."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support import ROOT, is_one_clear_line, manage_process
from veza_site import environment


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PURGE_TOKEN_AFTER_DAYS", "PURGE_TOKENS_AFTER_DAYS"),
        ("PURGE_TOKENS_AFTER_DAY", "PURGE_TOKENS_AFTER_DAYS"),
        ("purge_tokens_after_days", "PURGE_TOKENS_AFTER_DAYS"),
        ("PRUGE_TOKENS_AFTER_DAYS", "PURGE_TOKENS_AFTER_DAYS"),
        ("PURGE_PLAYS", "PURGE_PLAYS_AFTER_DAYS"),
        ("MIGRATE_LOCK_ATTEMPT", "MIGRATE_LOCK_ATTEMPTS"),
        ("SESSION_MINUTE", "SESSION_MINUTES"),
        ("SESSIONS_MINUTES", "SESSION_MINUTES"),
        ("SECRETKEY", "SECRET_KEY"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABASE_SUPORT_URL", "DATABASE_SUPPORT_URL"),
        ("WEB_WORKER", "WEB_WORKERS"),
        ("METRIC_TOKEN", "METRICS_TOKEN"),
        ("LOG_FORMATS", "LOG_FORMAT"),
        ("EMBEDDED_DIR", "EMBEDDED_DIRECTORY"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
    ],
)
def test_misspelt(monkeypatch, name, meant):
    monkeypatch.setenv(name, "1")
    with pytest.raises(ImproperlyConfigured, match=f"no setting {name}: did you mean {meant}"):
        environment.check_names()


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_PORT", "DATABASE_HOST", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_NAME",
        "DATABASE_PORT_5432_TCP", "DATABASE_PORT_5432_TCP_ADDR", "DATABASE_SERVICE_HOST",
        "DATABASE_SERVICE_PORT", "DATABASE_URL_READONLY", "WEB_CONCURRENCY", "WEB_PORT",
        "WEB_SERVICE_HOST", "LOG_LEVEL", "LOG_DIR", "LOGNAME", "SESSION_MANAGER", "SESSION_SECRET",
        "SESSION_NAME", "METRICS_PORT", "METRICS_PATH", "EXPORT_DIR", "SUPPORT_EMAIL",
        "SUPPORT_URL", "MIGRATE_ON_START", "DEBUG_COLORS", "SECRET", "PGPASSWORD", "PORT",
        "HOSTNAME",
    ],
)  # fmt: skip
def test_variables_of_platforms_are_not_misspellings(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    environment.check_names()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("PURGE_TOKEN_AFTER_DAYS=90", "there is no setting PURGE_TOKEN_AFTER_DAYS: did"),
        ("LOG_LEVEL=debug", "there is no setting LOG_LEVEL"),
        ("anything at all", "not of the form NAME=value"),
        ("PURGE_PLAYS_AFTER_DAYS", "not of the form NAME=value"),
        ("postgresql://veza:s3cret-word@db/veza?sslmode=require", "not of the form NAME=value"),
    ],
)
def test_env_file(monkeypatch, tmp_path, line, told):
    (tmp_path / ".env").write_text(f"# a comment\n\nDEBUG=1\n{line}\n")
    monkeypatch.setattr(environment, "BASE_DIR", tmp_path)
    monkeypatch.setenv("DATABASE_URL", "")
    with pytest.raises(ImproperlyConfigured, match=re.escape(told)) as refused:
        environment.read_file()
    assert "line 4" in str(refused.value)
    assert "s3cret-word" not in str(refused.value)


def test_env_file_of_development(monkeypatch, tmp_path):
    text = (ROOT / ".env.example").read_text()
    # Commented settings are examples too.
    (tmp_path / ".env").write_text(re.sub(r"(?m)^#(?=[A-Z_]+=)", "", text) + "PGSSLROOTCERT=/ca\n")
    monkeypatch.setattr(environment, "BASE_DIR", tmp_path)
    for name in environment.NAMES | {"PGSSLROOTCERT"}:
        monkeypatch.delenv(name, raising=False)
        # So that the environment is restored afterwards.
        monkeypatch.setenv(name, "")
    environment.read_file()
    environment.check_names()


def test_every_command_refuses():
    result = manage_process("purge", "--dry-run", PURGE_TOKEN_AFTER_DAYS="3650")
    assert is_one_clear_line(result), result.stderr
    assert "did you mean PURGE_TOKENS_AFTER_DAYS?" in result.stderr


def test_names_are_the_settings_that_are_read_and_documented():
    read = set()
    for path in ("veza_site/variables.py", "gunicorn.conf.py"):
        read |= set(re.findall(r'\bsetting\(\s*"([A-Z_]+)"', (ROOT / path).read_text()))
    settings = (ROOT / "veza_site/variables.py").read_text()
    kinds = re.findall(r'^        "(\w+)": (?:\d+|None),$', settings, re.MULTILINE)
    read |= {f"PURGE_{kind.upper()}_AFTER_DAYS" for kind in kinds}
    assert read == environment.NAMES
    told = set(re.findall(r"`([A-Z_]{4,})`", (ROOT / "README.md").read_text().split("Settings")[1]))
    assert {name for name in environment.NAMES if not name.startswith("PURGE_")} <= told
