"""What a restore needs and the backup does not contain: roles, tablespaces, objects of others."""

import re
from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.extensions import not_of_extension
from veza_core.db.fetch import fetch_all
from veza_core.operations.backup.archive import Archive
from veza_core.operations.backup.toc import Entry
from veza_core.operations.contents import OWN_SCHEMAS
from veza_core.operations.deploy.requirements import EXTENSIONS

# An identifier as pg_dump writes it (fmtId): quoted, unless it needs no quotes.
NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)'
NAMES = rf"{NAME}(?:, {NAME})*"

# The statements come from pg_dump and always have this form (dumputils.c, buildACLCommands;
# pg_dump.c, dumpPolicy).
GRANT = re.compile(rf"^GRANT .+? TO ({NAME})(?: WITH GRANT OPTION)?;$", re.M | re.S)
FOR_ROLE = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({NAME}) ", re.M)
GRANTOR = re.compile(rf"^SET SESSION AUTHORIZATION ({NAME});$", re.M)
POLICY = re.compile(
    rf"CREATE POLICY {NAME} ON {NAME}(?:\.{NAME})?(?: AS RESTRICTIVE)?(?: FOR \w+)? TO ({NAMES})"
)


def owners(entries: Iterable[Entry]) -> set[str]:
    """The roles that own an object."""
    return {entry.owner for entry in entries if entry.owner}


def tablespaces(entries: Iterable[Entry]) -> set[str]:
    """The tablespaces, except the database's default."""
    return {entry.tablespace for entry in entries if entry.tablespace}


def grant_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles that get or grant a privilege, or have default privileges."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind in ("ACL", "DEFAULT ACL")
        for statement in (GRANT, FOR_ROLE, GRANTOR)
        for name in statement.findall(entry.definition)
        if name != "PUBLIC"
    }


def policy_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles in row policies."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind == "POLICY" and (found := POLICY.match(entry.definition))
        for name in re.findall(NAME, found[1])
    }


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


# Objects that ours use and that are in another schema, in none (a foreign server, a language), or
# in an extension. A restore creates V1's own extensions.
USED = f"""
SELECT DISTINCT coalesce('extension ' || quote_ident(extname), used.type || ' ' || used.identity)
FROM pg_depend
CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS user_
CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, 0) AS address
CROSS JOIN LATERAL pg_identify_object(refclassid, refobjid, 0) AS used
LEFT JOIN pg_depend AS member ON member.classid = pg_depend.refclassid
    AND member.objid = pg_depend.refobjid AND member.deptype = 'e'
LEFT JOIN pg_extension ON pg_extension.oid = member.refobjid
-- PostgreSQL's own objects have lower numbers (FirstNormalObjectId).
WHERE pg_depend.refobjid >= 16384 AND pg_depend.deptype IN ('n', 'a')
    AND coalesce(user_.schema, address.object_names[1]) = ANY (%(schemas)s)
    AND {not_of_extension("pg_depend.classid", "pg_depend.objid")}
    AND CASE WHEN extname IS NOT NULL THEN extname <> ALL (%(extensions)s)
        WHEN used.schema IS NULL THEN pg_depend.refclassid
            IN ('pg_foreign_server'::regclass, 'pg_language'::regclass, 'pg_am'::regclass)
        ELSE used.schema <> ALL (%(schemas)s) END
ORDER BY 1
"""
ROLES = "SELECT 'role ' || quote_ident(name) FROM unnest(%s::text[]) AS name WHERE name <> user"
LABELS = """
SELECT DISTINCT 'security label provider ' || quote_ident(provider) FROM pg_seclabels
WHERE objnamespace::regnamespace::text = ANY(%s)
"""
TABLESPACES = "SELECT 'tablespace ' || quote_ident(name) FROM unnest(%s::text[]) AS name"


def needs_of(connection: BaseDatabaseWrapper, archive: Archive) -> list[str]:
    """What a server needs before this archive, just made from this database, can be restored."""
    ours = archive.ours
    roles = owners(ours) | grant_roles(ours) | policy_roles(ours)
    schemas = list(OWN_SCHEMAS)
    found = [
        *fetch_all(connection, ROLES, [sorted(roles)]),
        *fetch_all(connection, TABLESPACES, [sorted(tablespaces(ours))]),
        *fetch_all(connection, LABELS, [schemas]),
        *fetch_all(connection, USED, {"schemas": schemas, "extensions": list(EXTENSIONS)}),
    ]
    return [name for (name,) in found]
