"""Every session is connected to the named server and database, or there is no session."""

import subprocess
from contextlib import suppress

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.in_process import default_database
from tests.needs import debian_programs
from tests.support import (
    database_environment,
    database_url,
    is_one_clear_line,
    manage,
    manage_process,
    production_environment,
    scratch_database,
    server_parameters,
)
from veza_core.db import libpq
from veza_core.db.backend.client import DatabaseClient
from veza_core.db.session import read_session
from veza_core.db.url import connection_parameters, database_settings
from veza_core.operations.backup import dump
from veza_core.operations.backup.programs import find_tools

pytestmark = [pytest.mark.django_db, pytest.mark.process]

WHERE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT current_database(), current_user, current_setting('DateStyle'),"
        " current_setting('TimeZone'), current_setting('search_path'), current_setting('geqo'),"
        " current_setting('client_encoding'), current_setting('application_name')")
    print(*cursor.fetchone(), sep="|")
"""

#: Variables that would change where libpq connects.
ELSEWHERE = {
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGDATABASE": "postgres",
    "PGUSER": "nobody_here",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGSERVICE": "elsewhere",
    "PGOPTIONS": "-c search_path=pg_catalog -c geqo=off",
    "PGAPPNAME": "somebody",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Tokyo",
    "PGGEQO": "off",
}


@pytest.fixture
def services(tmp_path):
    """Variables that name a service with another database."""
    file = tmp_path / "services"
    parameters = {**server_parameters(), "dbname": "postgres", "application_name": "service"}
    lines = [f"{name}={value}\n" for name, value in parameters.items()]
    file.write_text("[elsewhere]\n" + "".join(lines))
    return {"PGSERVICEFILE": str(file), "PGSERVICE": "elsewhere"}


@pytest.fixture
def named():
    with scratch_database() as name:
        yield name


def where(environment, **variables):
    result = manage("shell", "-v0", "--no-imports", "--command", WHERE, **environment, **variables)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout.strip().split("|")


def expected(name):
    user = server_parameters()["user"]
    return [name, user, "ISO, MDY", "UTC", "public,django,pg_temp", "on", "UTF8", "veza"]


def url_environment(name):
    return {"DATABASE_URL": database_url(name)}


@pytest.mark.parametrize("environment", [database_environment, url_environment])
def test_no_variable_leads_elsewhere(named, services, environment):
    """On the embedded server, and on a named one."""
    assert where(environment(named), **(ELSEWHERE | services)) == expected(named)


def test_the_embedded_server_takes_nothing_from_the_environment(named):
    """Not even how to connect, because this server belongs to us and needs no password."""
    if "EMBEDDED" not in connection.settings_dict:
        pytest.skip("the tests run on a server by DATABASE_URL")
    variables = {
        option.envvar.decode(): "nonsense"
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    assert where(database_environment(named), **variables) == expected(named)


@pytest.fixture
def two_databases(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as production, scratch_database() as staging:
        with psycopg.connect(**server_parameters(), dbname=production) as session:
            session.execute("COMMENT ON TABLE users IS 'of production'")
        yield production, staging


def test_a_backup_is_of_the_named_database(two_databases, services, tmp_path):
    production, staging = two_databases
    file = tmp_path / "x.dump"
    text = (tmp_path / "services").read_text()
    (tmp_path / "services").write_text(text.replace("dbname=postgres", f"dbname={staging}"))
    result = manage(
        *("backup_db", str(file)), **database_environment(production), **ELSEWHERE | services
    )
    assert result.returncode == 0, result.stderr
    tools = find_tools(connection.connection.info.server_version // 10000)[0]
    listed, script = (
        subprocess.run(
            [tools.path("pg_restore"), option, file], capture_output=True, text=True, check=True
        ).stdout
        for option in ("--list", "--file=-")
    )
    assert f"dbname: {production}\n" in listed
    assert "'of production'" in script


def test_a_dump_of_another_database_is_refused(migrated, monkeypatch, tmp_path):
    """A pg_dump that connects elsewhere cannot import the snapshot of our session."""
    with scratch_database(f"TEMPLATE {migrated}") as name, default_database(name):
        arguments, environment = dump.reaching(connection)
        elsewhere = [arguments[0].replace(name, "postgres")]
        monkeypatch.setattr(dump, "reaching", lambda wrapper: (elsewhere, environment))
        tools = find_tools(connection.connection.info.server_version // 10000)[0]
        with pytest.raises(CommandError, match="snapshot"):
            dump.write_backup(
                *(connection, tools, tmp_path / "x.dump", read_session(connection), None),
                replace=False,
                show=lambda table: None,
            )
    assert list(tmp_path.iterdir()) == []


def test_reset_db_empties_the_named_database(migrated, services):
    with scratch_database(f"TEMPLATE {migrated}") as name, scratch_database() as other:
        with psycopg.connect(**server_parameters(), dbname=other) as session:
            session.execute("CREATE TABLE kept ()")
        variables = {**ELSEWHERE, **services, "PGDATABASE": other}
        result = manage("reset_db", "--noinput", **database_environment(name), **variables)
        assert result.returncode == 0, result.stderr
        with psycopg.connect(**server_parameters(), dbname=other) as session:
            assert session.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u@h/prod?service=s", "names a service"),
        ("postgresql:///?service=s", "names a service"),
        ("postgresql://u@h/prod?dbname=staging", "contains dbname twice"),
        ("postgresql://u@h/prod?host=other", "contains host twice"),
        ("postgresql://u@h:5432/prod?port=5433", "contains port twice"),
        ("postgresql://u@h/prod?replication=database", "contains replication"),
        ("postgresql://u@h/prod?replication=true", "contains replication"),
        ("postgresql://u@h/prod?user=root", "contains user twice"),
    ],
)
def test_a_url_of_two_places_or_of_another_kind_of_session_is_refused(url, message):
    with pytest.raises(ImproperlyConfigured, match=rf"^DATABASE_URL {message}"):
        database_settings(url)


@pytest.mark.parametrize(
    ("url", "keyword"), [("postgresql:///d", "host"), ("postgresql://h/d", "user")]
)
def test_a_gap_is_not_filled_from_the_environment(url, keyword, monkeypatch):
    monkeypatch.setitem(libpq._said, keyword, "elsewhere")
    with pytest.raises(
        ImproperlyConfigured, match=f"does not name the {keyword}, and PG{keyword.upper()}"
    ):
        database_settings(url)


def test_how_to_connect_is_read_from_the_environment(monkeypatch):
    """The URL has priority, and need not contain a password."""
    for keyword, value in (("password", "s3cret"), ("sslmode", "require"), ("port", "1")):
        monkeypatch.setitem(libpq._said, keyword, value)
    parameters = connection_parameters("postgresql://u@h/d?sslmode=verify-full")
    wanted = {"password": "s3cret", "sslmode": "verify-full", "port": "5432"}
    assert {name: parameters[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "variable",
    ["PGCONNECT_TIMEOUT", "PGSSLMODE", "PGSSLNEGOTIATION", "PGGSSENCMODE", "PGCHANNELBINDING"],
)
def test_a_wrong_value_of_how_to_connect_is_one_line(variable):
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    result = manage_process("migrate", DATABASE_URL=url, **{variable: "nonsense"})
    assert is_one_clear_line(result), result.stderr
    keyword = variable.removeprefix("PG").replace("_", "").lower()
    assert keyword in result.stderr.replace("_", "").lower()


def test_a_url_without_a_host_is_one_and_the_same_socket_to_all(monkeypatch, tmp_path):
    """psycopg's libpq and a distribution's pg_dump have different defaults."""
    monkeypatch.setattr(libpq, "SOCKET_DIRECTORIES", ("/nowhere", str(tmp_path)))
    assert database_settings("postgresql://u@/d")["HOST"] == "/nowhere"
    (tmp_path / ".s.PGSQL.5433").touch()
    assert database_settings("postgresql://u@:5433/d")["HOST"] == str(tmp_path)
    assert database_settings("postgresql:///d?hostaddr=127.0.0.1&user=u")["HOST"] == ""


def test_psql_gets_all_that_djangos_session_gets():
    url = "postgresql://u:s3cret@a,b/d%20e?hostaddr=127.0.0.1,127.0.0.2&sslmode=require&passfile=/p"
    arguments, variables = DatabaseClient.settings_to_cmd_args_env(
        database_settings(url), ["-c", ""]
    )
    given = conninfo_to_dict(arguments[1].removeprefix("--dbname="))
    place = {"host": "a,b", "hostaddr": "127.0.0.1,127.0.0.2", "port": ",", "dbname": "d e"}
    wanted = {**place, "sslmode": "require", "passfile": "/p"}
    assert {name: given[name] for name in wanted} == wanted
    assert arguments[2:] == ["-c", ""]
    assert "s3cret" not in " ".join(arguments)
    assert variables["PGPASSWORD"] == "s3cret"


def test_an_older_program_ignores_no_setting():
    """It refuses each that only a later libpq knows, and would ignore its variable."""
    psql, refusal = str(debian_programs() / "psql"), "invalid connection option"

    def refuses(arguments, variables):
        """No port is 0: no program gets as far as to connect."""
        done = subprocess.run(
            [psql, *arguments], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        return refusal in done.stderr

    place = {"host": "127.0.0.1", "dbname": "d", "user": "u", "port": "0"}
    unknown = set()
    for option in psycopg.pq.Conninfo.get_defaults():
        name = option.keyword.decode()
        # Which host comes first protects nothing, and a service is refused.
        if name in (*libpq.NAMES, "load_balance_hosts", "service"):
            continue
        with suppress(ValueError):
            told = refuses(*libpq.program_arguments({**place, name: "7"}))
            is_unknown = refuses([f"--dbname={make_conninfo(**place, **{name: '7'})}"], {})
            assert told == is_unknown, name
            unknown |= {name} if is_unknown else set()
    newest = int(debian_programs().parts[4]) >= psycopg.pq.version() // 10000
    assert newest or unknown


@pytest.mark.parametrize("url", ["", " \t"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["migrate", "--check"],
        ["backup_db", "x.dump"],
        ["restore_db", "manage.py"],
        ["purge"],
        ["count_weekly_plays"],
        ["grant_staff", "alice", "admin"],
        ["audit_schema"],
        ["export_schema"],
        ["dbshell"],
        ["clearsessions"],
    ],
    ids=" ".join,
)
def test_production_needs_a_database(arguments, url, tmp_path):
    """No private server is started instead."""
    environment = {
        **production_environment("unused"),
        "DATABASE_URL": url,
        "EMBEDDED_DIRECTORY": str(tmp_path / "postgres"),
    }
    result = manage(*arguments, **environment)
    assert is_one_clear_line(result), result.stderr
    assert "DATABASE_URL" in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_deployment_without_a_database_is_not_clean():
    production = {"DEBUG": "0", "SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "h", "DATABASE_URL": ""}
    result = manage("check", "--deploy", **production)
    assert result.returncode == 1
    assert "DATABASE_URL is not set" in result.stderr
    assert manage("check", **production).returncode == 0


def test_an_empty_support_url_is_no_support_url():
    production = {**production_environment("veza"), "DATABASE_SUPPORT_URL": ""}
    result = manage("check", **production)
    assert is_one_clear_line(result), result.stderr
    assert "DATABASE_SUPPORT_URL is set but empty" in result.stderr
