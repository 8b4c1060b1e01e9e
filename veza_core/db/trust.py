"""Checks that nobody else can put objects on the search path that would run as our role.

PostgreSQL chooses operators and functions by the types of their arguments first, and by their place
on the search path last. `varchar = varchar` has no operator of its own in `pg_catalog`. So a role
that can create `public.=(varchar, varchar)` chooses what our statements run, even if `pg_catalog`
is first (PostgreSQL, "Operator Type Resolution", 10.2, and "Usage Patterns", 5.10.6). So we open no
session if somebody else can do that, or has done it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, sql

from veza_core.db.libpq import parameters_of_another
from veza_core.db.session import PINNED

EVERYBODY = "PUBLIC"

# For the schemas on the search path: who may create objects there, and which objects of others
# there could be used instead of PostgreSQL's or ours. A row without a role is another search path.
# Roles that can do anything anyway are trusted. Each comparison is between equal types for which
# pg_catalog has an operator, so that this statement is itself safe. pg_shdepend has the owner of
# each object, except those of the server's first superuser; '1255', '1259', '2617': pg_proc,
# pg_class, pg_operator.
DANGERS = f"""
WITH path AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
    WHERE nspname = 'public' OR nspname = 'django'
), trusted AS (
    SELECT oid FROM pg_catalog.pg_roles
    WHERE rolsuper OR rolname = current_user OR rolname = session_user
    UNION ALL SELECT nspowner FROM path
    UNION ALL SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
), others AS (
    SELECT classid, objid, refobjid FROM pg_catalog.pg_shdepend
    WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND deptype = 'o' AND objsubid = '0'::int4 AND refobjid NOT IN (SELECT oid FROM trusted)
)
SELECT nspname, CASE WHEN grantee = '0'::oid THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END,
    ''::text, current_user::text
FROM path CROSS JOIN LATERAL aclexplode(nspacl)
WHERE privilege_type = 'CREATE' AND grantee NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT nspname, pg_get_userbyid(refobjid)::text,
    (SELECT type FROM pg_identify_object(classid, objid, '0'::int4)) || ' '::text
        || (SELECT identity FROM pg_identify_object(classid, objid, '0'::int4)),
    current_user::text
FROM others JOIN (
    SELECT '2617'::oid AS class, oid, oprnamespace AS schema FROM pg_catalog.pg_operator
    UNION ALL
    SELECT '1255'::oid, oid, pronamespace FROM pg_catalog.pg_proc AS made
    WHERE EXISTS (
        SELECT FROM pg_catalog.pg_proc AS own WHERE own.proname = made.proname
            AND own.proowner <> made.proowner
            AND (own.pronamespace = '11'::oid OR own.pronamespace IN (SELECT oid FROM path))
    )
    UNION ALL
    SELECT '1259'::oid, oid, relnamespace FROM pg_catalog.pg_class AS made
    WHERE EXISTS (
        SELECT FROM pg_catalog.pg_class AS own WHERE own.relname = made.relname
            AND own.relnamespace = (SELECT oid FROM path WHERE nspname = 'django')
    )
) AS made ON made.class = classid AND made.oid = objid
JOIN path ON path.oid = made.schema
UNION ALL
SELECT current_setting('search_path'), NULL::text, ''::text, ''::text
WHERE replace(current_setting('search_path'), ' '::text, ''::text)
    <> '{PINNED["search_path"]}'::text
"""


@dataclass(frozen=True, slots=True)
class Danger:
    """What somebody else can create, or has created, on our search path."""

    schema: str
    #: The role that can create objects there (`PUBLIC` for all roles), or that owns the object.
    role: str
    #: The object, such as "operator public.=(…)"; empty if it can be created.
    made: str
    #: The role that would run it.
    victim: str

    def __str__(self) -> str:
        if self.made:
            return (
                f"{self.role} owns {self.made}, which could replace the right one and run as "
                f"{self.victim}: look at it, then drop it"
            )
        return (
            f"{self.role} may CREATE in schema {self.schema}, and {self.victim} could run what it "
            f"creates there: {self.revoke}"
        )

    @property
    def revoke(self) -> str:
        role = self.role if self.role == EVERYBODY else sql.Identifier(self.role).as_string()
        return f"REVOKE CREATE ON SCHEMA {self.schema} FROM {role}"


class UntrustedSchemaError(OperationalError):
    """A session could run somebody else's objects; the text is one line."""

    def __init__(self, dangers: list[Danger]) -> None:
        super().__init__("; ".join(map(str, dangers)))
        self.dangers = dangers


def check_trust(session: Connection[Any]) -> None:
    """Raise `UntrustedSchemaError` if somebody else's objects could run in a session, and
    `OperationalError` if the session would not find ours.
    """
    rows = session.execute(DANGERS).fetchall()
    if dangers := [Danger(*row) for row in rows if row[1] is not None]:
        raise UntrustedSchemaError(dangers)
    for path, *_ in rows:
        raise OperationalError(
            f"a connection pooler dropped this session's settings (search_path is {path}): use a "
            "direct connection, or set it for the database: ALTER DATABASE … SET search_path = "
            "public, django, pg_temp"
        )


def parameters_for_catalog(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """The parameters of another session, with only PostgreSQL's own schemas on its search path.

    For code that only reads PostgreSQL's catalogs.
    """
    parameters = parameters_of_another(connection)
    for django_only in ("cursor_factory", "context"):
        parameters.pop(django_only, None)
    options = f"{parameters.get('options', '')} -c search_path=pg_catalog,pg_temp"
    return {**parameters, "options": options.strip()}


def revoke_from_everybody(
    connection: BaseDatabaseWrapper, error: UntrustedSchemaError, warn: Callable[[str], object]
) -> None:
    """Revoke CREATE on the search path from PUBLIC, if our role can.

    Databases made by PostgreSQL 15 or newer do not grant it. Older ones do, and keep the grant
    through an upgrade. A grant to a named role was somebody's decision, and stays.
    """
    with psycopg.connect(**parameters_for_catalog(connection)) as session:
        for danger in error.dangers:
            if danger.role == EVERYBODY and not danger.made:
                warn(f"Warning: {danger}")
                session.execute(danger.revoke.encode())
