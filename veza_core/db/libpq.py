"""Makes libpq connect where the parameters say, whatever the environment contains.

libpq reads missing parameters from a service file and from PG* variables (PostgreSQL, "Environment
Variables", 34.15). `PGHOSTADDR` even overrides a given host. So variables that say *where* to
connect, and variables with settings of a session, are removed from the environment. Variables that
say *how* to connect, such as PGPASSWORD and PGSSLROOTCERT, are used as libpq uses them.
"""

import os
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

#: The parameters that say where to connect. A service is a file that could contain any of them.
NAMES = ("host", "hostaddr", "port", "dbname", "user")
PLACE = ("service", *NAMES, "target_session_attrs", "load_balance_hosts")
#: `veza_core.db.session` has the settings of a session.
SESSION = ("options", "client_encoding", "application_name")
#: What programs get in variables. Programs of version 15 ignore `load_balance_hosts`, and connect.
IN_VARIABLES = (*SESSION, "target_session_attrs", "load_balance_hosts")
#: Variables that libpq reads and that have no such parameter.
WITHOUT_PARAMETER = ("PGSERVICEFILE", "PGSYSCONFDIR", "PGDATESTYLE", "PGTZ", "PGGEQO")

#: Where PostgreSQL's packages, and PostgreSQL itself, put the socket of a server on this machine.
SOCKET_DIRECTORIES = ("/var/run/postgresql", "/tmp")  # noqa: S108 - it is looked at, not written to

# Secret parameters, marked so in libpq's own table of options, and two that it does not mark.
SECRET = b"*"
SCRAM_KEYS = ("scram_client_key", "scram_server_key")

#: The values of the variables by keyword, including removed ones.
_said: dict[str, str] = {}


def settle_environment(*, embedded: bool) -> None:
    """Remove the variables from this process's environment that would change where it connects.

    `embedded`: none of libpq's variables apply to the embedded server, so all are removed. Their
    values are kept: see `manner_of_connecting` and `place_by_environment`.
    """
    for name in ("PGSERVICE", *WITHOUT_PARAMETER):
        os.environ.pop(name, None)
    for option in Conninfo.get_defaults():
        keyword, variable = option.keyword.decode(), (option.envvar or b"").decode()
        if not os.environ.get(variable):
            continue
        _said[keyword] = os.environ[variable]
        if embedded or keyword in PLACE or keyword in SESSION:
            del os.environ[variable]


def manner_of_connecting() -> dict[str, str]:
    """How to connect, from the environment: password, TLS, …, by libpq's keywords."""
    return {
        keyword: value
        for keyword, value in _said.items()
        if keyword not in PLACE and keyword not in SESSION
    }


def place_by_environment(keyword: str) -> str:
    """Where the environment would connect, which is ignored."""
    return _said.get(keyword, "")


def socket_directory(port: str) -> str:
    """The directory of a local server's socket, if no host is named.

    Each build of libpq has its own default, and psycopg's differs from that of the pg_dump next to
    it.
    """
    for directory in SOCKET_DIRECTORIES:
        if os.path.exists(f"{directory}/.s.PGSQL.{port}"):  # noqa: PTH110
            return directory
    return SOCKET_DIRECTORIES[0]


def place_of(session: Connection[Any]) -> dict[str, str]:
    """The server and database of an open session, as parameters.

    If there are several hosts, or several addresses of a host, these are the ones that answered.
    """
    info = session.info
    place = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
    return {**place, "hostaddr": info.hostaddr} if info.hostaddr else place


def parameters_of_another(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """The parameters of another session to the same server."""
    parameters = connection.get_connection_params()
    if connection.connection is None:
        return parameters
    return {**parameters, **place_of(connection.connection)}


def program_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs. Their messages are parsed here."""
    return {**os.environ, "LC_ALL": "C"}


def program_arguments(parameters: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Arguments and variables with which a PostgreSQL program connects with these parameters.

    The password is in a variable, because arguments are visible to everybody on the machine. So are
    the settings of the session. Where and how to connect is an argument: an older program ignores
    a variable that it does not know, such as PGSSLCERTMODE of version 16, and refuses the argument.
    Only libpq's defaults and `IN_VARIABLES` are variables too. Raises `ValueError` for a secret
    that has no variable.
    """
    arguments, variables = {}, {}
    for option in Conninfo.get_defaults():
        name, value = option.keyword.decode(), parameters.get(option.keyword.decode())
        if value in (None, ""):
            continue
        is_default = name not in NAMES and str(value).encode() == option.compiled
        if option.envvar and (is_default or option.dispchar == SECRET or name in IN_VARIABLES):
            variables[option.envvar.decode()] = str(value)
        elif option.dispchar == SECRET or name in SCRAM_KEYS:
            raise ValueError(
                f"{name} in DATABASE_URL cannot be passed to another program without showing it "
                "to everybody on this machine: use a connection that does not need it"
            )
        else:
            arguments[name] = value
    return [f"--dbname={make_conninfo('', **arguments)}"], variables
