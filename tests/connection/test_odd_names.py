"""Names with line breaks or control sequences: commands work, and show them escaped."""

import re
import uuid

import psycopg
import pytest
from django.core.management import get_commands
from psycopg import sql

from tests import in_process
from tests.run import database_name, settings_of
from tests.support import (
    administer,
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    manage_process,
    server_parameters,
)
from veza_core.visible import visible

pytestmark = [pytest.mark.django_db, pytest.mark.process]

ODD = "we\"i'rd %x=é;\n\x1b[31m\u202e"
SHOWN = "we\"i'rd %x=é;\\n\\x1b[31m\\u202e"


@pytest.fixture(scope="module")
def odd(migrated):
    """A copy of V1 whose name is odd."""
    name = database_name(uuid.uuid4().hex[:8], "scratch") + ODD
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    administer(create.format(sql.Identifier(name), sql.Identifier(migrated)), settings_of(name))
    yield name
    administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def assert_legible(result):
    for character in "\x1b\u202e":
        assert character not in result.stdout + result.stderr, result


def test_characters_that_are_not_seen():
    assert visible("a\n\r\t\0\x85\u2028b") == "a\\n\\r\\t\\x00\\x85\\u2028b"
    assert visible("\u202eabc\u200b") == "\\u202eabc\\u200b"
    # A byte of a file name that is not UTF-8, and a lone surrogate.
    assert visible("a\udcff\ud800") == "a\\xff\\ud800"
    seen = "plain: ‘quotes’, « guillemets », 音楽, \\ "
    assert visible(seen) == seen


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["purge"],
        ["recount"],
        ["count_weekly_plays"],
        ["audit_schema"],
        ["status"],
        ["schema_diff", "{url}"],
        ["clearsessions"],
        ["reset_db", "--noinput"],
    ],
    ids=" ".join,
)
def test_an_odd_database(odd, arguments):
    given = [argument.replace("{url}", database_url(odd)) for argument in arguments]
    result = manage(*given, **database_environment(odd))
    assert_legible(result)
    if arguments[0] not in {"audit_schema", "status", "schema_diff"}:
        assert result.returncode == 0, result
        assert re.match(f"Connected to .*{re.escape(SHOWN)} on .*\n", result.stdout)


def test_an_odd_file(odd, tmp_path):
    path = tmp_path / ODD
    environment = database_environment(odd)
    made = manage("backup_db", str(path), **environment)
    assert made.returncode == 0, made
    assert f"{tmp_path}/{SHOWN}: " in made.stdout
    again = manage("backup_db", str(path), **environment)
    assert is_one_clear_line(again), again
    assert f"{tmp_path}/{SHOWN} already exists" in again.stderr
    refused = manage("restore_db", str(path), **environment)
    assert is_one_clear_line(refused), refused
    assert f"{SHOWN} is not empty" in refused.stderr
    # The exact name confirms.
    whole = ("restore_db", str(path), "--replace", "--confirm", odd)
    restored = in_process.run(odd, whole, debug=False)
    assert restored.returncode == 0, restored
    for result in (made, again, refused, restored):
        assert_legible(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ["backup_db", f"/no{ODD}/x"],
        ["restore_db", f"/no{ODD}"],
        ["purge", "--only", ODD],
        ["recount", "--only", ODD],
        ["grant_staff", ODD, "admin"],
        ["audit_schema", "--schema", ODD],
        ["audit_schema", "--baseline", ODD],
        ["export_schema", "--directory", f"/dev/null/{ODD}"],
        ["schema_diff", ODD],
        ["migrate", ODD],
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_an_odd_argument(migrated, arguments):
    result = manage(*arguments, **database_environment(migrated))
    assert is_one_clear_line(result), result
    assert_legible(result)


# Without aiosmtpd, mail_debug of django-extensions fails before it has a parser.
@pytest.mark.parametrize("command", sorted(get_commands().keys() - {"mail_debug"}))
def test_an_odd_option(migrated, command):
    """argparse repeats unknown and ambiguous options without escapes."""
    for option in ("--\x1b[31m\u202e=x", "-\x1b"):
        result = in_process.run(migrated, (command, option))
        assert_legible(result)
        assert result.returncode != 0
        told = visible(option) in result.stderr
        assert told or "arguments are required" in result.stderr, result


def test_odd_objects_of_others(odd):
    with psycopg.connect(**server_parameters(), dbname=odd) as session:
        names = {"schema": sql.Identifier(ODD), "table": sql.Identifier(ODD, ODD)}
        session.execute(sql.SQL("CREATE SCHEMA {schema}").format(**names))
        session.execute(sql.SQL("CREATE TABLE {table} (x uuid REFERENCES users)").format(**names))
    result = manage("reset_db", "--noinput", **database_environment(odd))
    assert is_one_clear_line(result), result
    assert "\\n\\x1b[31m\\u202e" in result.stderr
    assert_legible(result)


@pytest.mark.parametrize(
    "url", [f"{ODD}://x", "postgresql://x?service=%0A%1B", "postgresql://%1B%0A@127.0.0.1:1/x"]
)
def test_an_odd_url(url):
    result = manage_process("migrate", DATABASE_URL=url)
    assert is_one_clear_line(result), result
    assert_legible(result)


def test_settings_that_are_not_there():
    result = manage_process("migrate", "--settings", ODD)
    assert is_one_clear_line(result), result
    assert_legible(result)
