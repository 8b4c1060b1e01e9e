"""If the server ends a session, the error is one line with the setting or the reason."""

import select

import psycopg
import pytest
from django.db import connection

from tests.support import database_url
from veza_core.errors import clear_line

pytestmark = pytest.mark.django_db

#: The maximum time, in seconds, until the server has ended the session.
PATIENCE = 60


def ended(*statements):
    """The error of a session that runs these statements, and continues after the server has
    ended it.
    """
    with psycopg.connect(database_url("postgres"), autocommit=True) as session:
        try:
            for statement in statements:
                session.execute(statement)
            select.select([session.fileno()], [], [], PATIENCE)
            session.execute("SELECT 1")
        except psycopg.Error as error:
            return error
    raise AssertionError("the server did not end it")


def raised(state):
    """A function can raise the errors of a crash, of an older server or of a full one."""
    return [f"DO $$BEGIN RAISE 'x' USING ERRCODE = '{state}'; END$$"]


@pytest.mark.parametrize(
    ("state", "statements", "told"),
    [
        (
            "25P03",
            ["SET idle_in_transaction_session_timeout = '50ms'", "BEGIN"],
            "idle_in_transaction_session_timeout is too short",
        ),
        (
            "25P04",
            ["SET transaction_timeout = '50ms'", "BEGIN"],
            "transaction_timeout is too short",
        ),
        ("57P05", ["SET idle_session_timeout = '50ms'"], "idle_session_timeout is too short"),
        (
            "57014",
            ["SET statement_timeout = '50ms'", "SELECT pg_sleep(60)"],
            "by statement_timeout, or by somebody",
        ),
        ("57P01", ["SELECT pg_terminate_backend(pg_backend_pid())"], "run it again"),
        # A real crash would end all other tests too.
        ("57P02", raised("57P02"), "has crashed"),
        ("53300", raised("53300"), "close sessions"),
    ],
)
def test_the_reason_is_in_the_line(state, statements, told):
    connection.ensure_connection()
    if state == "25P04" and connection.pg_version < 170000:
        # transaction_timeout exists since PostgreSQL 17.
        statements = raised(state)
    error = ended(*statements)
    assert error.sqlstate == state
    line = clear_line(error)
    assert f"SQLSTATE {state}, " in line
    assert told in line
    assert "\n" not in line
