"""Whether a database can take a backup: what is in it, who refers to it, and its roles."""

import re

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.backup.archive import Archive
from veza_core.backup.programs import server_major
from veza_core.deploy.dependents import OWN_SCHEMAS, find_dependents, find_publications
from veza_core.deploy.requirements import unmet_requirements

SHOWN = 5

# What is in the two schemas, but for extensions, what they own, and default privileges.
CONTENTS = """
SELECT identified.identity
FROM pg_depend
JOIN pg_namespace ON pg_namespace.oid = refobjid AND nspname = ANY(%s)
CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS identified
WHERE refclassid = 'pg_namespace'::regclass
    AND classid NOT IN ('pg_extension'::regclass, 'pg_default_acl'::regclass)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS owned WHERE owned.classid = pg_depend.classid
            AND owned.objid = pg_depend.objid AND owned.deptype = 'e'
    )
ORDER BY identified.type <> 'table', 1
"""

MISSING_ROLES = """
SELECT name FROM unnest(%s::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) ORDER BY 1
"""
GRANTEE = re.compile(rb' TO (?:"((?:[^"]|"")+)"|(\w+))(?: WITH GRANT OPTION)?;$', re.MULTILINE)


def check_server(connection: BaseDatabaseWrapper, archive: Archive) -> None:
    """Refuse a server that V1 cannot live on, or older than the archive's. `CommandError`."""
    if problems := unmet_requirements(connection):
        raise CommandError("; ".join(problems))
    major = server_major(connection)
    if archive.server_major > major:
        raise CommandError(
            f"{archive.path} was made from PostgreSQL {archive.server_version}, and this server "
            f"is {major}: restore it into {archive.server_major} or newer"
        )


def contents_of(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of what is in `public` and `django`, tables first."""
    with connection.cursor() as cursor:
        cursor.execute(CONTENTS, [list(OWN_SCHEMAS)])
        return [name for (name,) in cursor.fetchall()]


def check_empty(connection: BaseDatabaseWrapper) -> None:
    """Raise `CommandError` when the two schemas hold something."""
    if found := contents_of(connection):
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise CommandError(
            f"database {connection.settings_dict['NAME']} is not empty "
            f"({', '.join(found[:SHOWN])}{more}): --replace drops what is in public and django"
        )


def check_dependents(connection: BaseDatabaseWrapper) -> None:
    """Raise `CommandError` with the list of what outside would be harmed by a replacement."""
    if dependents := find_dependents(connection):
        raise CommandError(
            "these depend on public or django from outside, and would go with what is replaced: "
            f"{'; '.join(map(str, dependents))}. Drop them first, and make them again afterwards."
        )
    if published := "; ".join(map(str, find_publications(connection))):
        raise CommandError(
            f"replicas would lose what is replaced: {published}. Take it out of the publication "
            "first, and put it back afterwards."
        )


def check_roles(connection: BaseDatabaseWrapper, archive: Archive, *, grants: bool) -> None:
    """Raise `CommandError` with the roles that own something or are granted it, and are not there.

    `grants`: whether grants are to be restored too.
    """
    ours = [entry for entry in archive.entries if entry.is_ours]
    roles = {entry.owner for entry in ours if entry.owner and not entry.is_grant}
    if grants and (granting := [entry for entry in ours if entry.is_grant]):
        with archive.script(granting) as script:
            for quoted, plain in GRANTEE.findall(script.read()):
                name = (plain or quoted.replace(b'""', b'"')).decode()
                roles.add(name)
    roles.discard("PUBLIC")
    with connection.cursor() as cursor:
        cursor.execute(MISSING_ROLES, [sorted(roles)])
        missing = [name for (name,) in cursor.fetchall()]
    if missing:
        raise CommandError(
            f"this server has no role {', '.join(missing)}, which the backup names: CREATE ROLE, "
            "or give --no-owner and --no-privileges to leave owners and grants out"
        )
