"""Shared helpers of the tests of the two roles, and the two roles."""

import uuid
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.support import database_url, server_parameters
from veza_site.roles.sync import sync
from veza_site.roles.wanted import READER, WRITER, LoginRole

DENIED = psycopg.errors.InsufficientPrivilege
PASSWORD = "s3cret pw"


@contextmanager
def new_role(database):
    """A name for a role, which is dropped at the end."""
    name = f"support_{uuid.uuid4().hex[:12]}"
    yield name
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
        if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).rowcount:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def made(database, kind):
    """The name of a role that `sync_roles` created in a migrated database."""
    with new_role(database) as name:
        wanted = LoginRole(kind, name, PASSWORD, database)
        with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
            sync(owner, wanted, dry_run=False, revoke_from_public=True)
        yield name


@contextmanager
def site_roles(database):
    """The variables of the site's process, with separate roles."""
    with made(database, WRITER) as writer, made(database, READER) as reader:
        names = {"DATABASE_URL": writer, "DATABASE_SUPPORT_URL": reader}
        yield {
            variable: database_url(database, user=name, password=PASSWORD)
            for variable, name in names.items()
        }


def grants(owner, role):
    """Everything in the catalog about a role, as a set."""
    rows = owner.execute(
        "SELECT relname, unnest(relacl)::text FROM pg_class "
        "UNION ALL SELECT attrelid::regclass || attname, unnest(attacl)::text FROM pg_attribute "
        "UNION ALL SELECT nspname, unnest(nspacl)::text FROM pg_namespace "
        "UNION ALL SELECT proname, unnest(proacl)::text FROM pg_proc "
        "UNION ALL SELECT datname, unnest(datacl)::text FROM pg_database "
        "UNION ALL SELECT spcname, unnest(spcacl)::text FROM pg_tablespace "
        "UNION ALL SELECT lanname, unnest(lanacl)::text FROM pg_language "
        "UNION ALL SELECT typname, unnest(typacl)::text FROM pg_type "
        "UNION ALL SELECT parname, unnest(paracl)::text FROM pg_parameter_acl "
        "UNION ALL SELECT srvname, unnest(srvacl)::text FROM pg_foreign_server "
        "UNION ALL SELECT fdwname, unnest(fdwacl)::text FROM pg_foreign_data_wrapper "
        "UNION ALL SELECT defaclobjtype::text, unnest(defaclacl)::text FROM pg_default_acl "
        "UNION ALL SELECT rolname || ' inherits', rolname FROM pg_roles WHERE rolinherit "
        "UNION ALL SELECT rolname || ' can log in', rolname FROM pg_roles WHERE rolcanlogin "
        "UNION ALL SELECT unnest(setconfig), setrole::regrole::text FROM pg_db_role_setting"
    )
    return {row for row in rows if role in row[1]}
