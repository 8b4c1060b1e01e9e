"""Settings come from the environment; what is missing is said in one line."""

import secrets

import pytest

from tests.support import is_one_clear_line, manage

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "admin.example.com",
}


def test_secret_is_needed_when_debug_is_off():
    result = manage("check", DEBUG="0", SECRET_KEY="")
    assert is_one_clear_line(result), result.stderr
    assert "SECRET_KEY is not set" in result.stderr


@pytest.mark.parametrize(("name", "value"), [("DEBUG", "perhaps"), ("CONN_MAX_AGE", "long")])
def test_value_of_the_wrong_kind(name, value):
    result = manage("check", **{**PRODUCTION, name: value})
    assert is_one_clear_line(result), result.stderr
    assert name in result.stderr


def test_deployment_check_is_clean():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_traceback_on_demand():
    result = manage("check", "--traceback", DEBUG="0", SECRET_KEY="")
    assert result.returncode != 0
    assert "Traceback" in result.stderr
