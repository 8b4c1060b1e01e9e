"""Which server and database libpq reaches: what the parameters say, whatever the environment.

libpq takes what it is not given from a service file and from PG* variables (PostgreSQL,
"Environment Variables", 34.15), and `PGHOSTADDR` leads away even from a host that it was given. So
the variables that say *where* to connect, and what a session is like, are taken out of the
environment; those that say *how*, such as PGPASSWORD and PGSSLROOTCERT, are read as libpq reads
them.
"""

import os
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

#: The parameters that say where. A service is a file that could name any of them.
PLACE = (
    "service",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "target_session_attrs",
    "load_balance_hosts",
)
#: What a session is like is settled by `veza_core.db.session`.
SESSION = ("options", "client_encoding", "application_name")
#: Variables that libpq reads without a parameter of that kind.
WITHOUT_PARAMETER = ("PGSERVICEFILE", "PGSYSCONFDIR", "PGDATESTYLE", "PGTZ", "PGGEQO")

#: Where PostgreSQL's packages, and PostgreSQL itself, put the socket of a server on this machine.
SOCKET_DIRECTORIES = ("/var/run/postgresql", "/tmp")  # noqa: S108 - it is looked at, not written to

# What libpq has to keep to itself, marked so in its own table of options.
SECRET = b"*"

#: What the variables said, by keyword, those too that were taken out.
_said: dict[str, str] = {}


def settle_environment(*, embedded: bool) -> None:
    """Take the variables out of this process's environment that would lead elsewhere.

    `embedded`: nothing of libpq's applies to the embedded server, so all of them are taken out.
    What they said is kept: see `manner_of_connecting` and `place_by_environment`.
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
    """What the environment says about how to connect: password, TLS, …, by libpq's keywords."""
    return {
        keyword: value
        for keyword, value in _said.items()
        if keyword not in PLACE and keyword not in SESSION
    }


def place_by_environment(keyword: str) -> str:
    """What the environment would say about where to connect, which is not obeyed."""
    return _said.get(keyword, "")


def socket_directory(port: str) -> str:
    """Where to look for a server on this machine, when no host is named.

    Each build of libpq has a default of its own, and psycopg's is not that of the pg_dump beside
    it.
    """
    for directory in SOCKET_DIRECTORIES:
        if os.path.exists(f"{directory}/.s.PGSQL.{port}"):  # noqa: PTH110
            return directory
    return SOCKET_DIRECTORIES[0]


def place_of(session: Connection[Any]) -> dict[str, str]:
    """The very server and database that an open session reached, as parameters.

    Of several hosts, or addresses of one host, those that answered.
    """
    info = session.info
    place = {"host": info.host, "port": str(info.port), "dbname": info.dbname, "user": info.user}
    return {**place, "hostaddr": info.hostaddr} if info.hostaddr else place


def parameters_of_another(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """The parameters of one more session beside an open one: on the very same server."""
    parameters = connection.get_connection_params()
    if connection.connection is None:
        return parameters
    return {**parameters, **place_of(connection.connection)}


def program_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs: their messages are read by this one."""
    return {**os.environ, "LC_ALL": "C"}


def program_arguments(parameters: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """What makes a PostgreSQL program connect with these parameters: arguments, and variables.

    Where to connect is an argument, which nothing outranks. All else goes by variables, the
    password too, which arguments would show to everybody on the machine; the few options without
    a variable are arguments. Raises `ValueError` for a secret that has no variable.
    """
    arguments, variables = {}, {}
    for option in Conninfo.get_defaults():
        name, value = option.keyword.decode(), parameters.get(option.keyword.decode())
        if value in (None, ""):
            continue
        if option.envvar and name not in PLACE:
            variables[option.envvar.decode()] = str(value)
        elif option.dispchar == SECRET:
            raise ValueError(
                f"{name} in DATABASE_URL cannot be passed to another program without showing it "
                "to everybody on this machine: use a connection that does not need it"
            )
        else:
            arguments[name] = value
    return [f"--dbname={make_conninfo('', **arguments)}"], variables
