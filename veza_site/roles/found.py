"""The state of a role in the catalog: what was granted to it by name."""

from dataclasses import dataclass, field

from psycopg import Cursor
from psycopg.rows import dict_row

from veza_site.roles.wanted import Grant

ROLE = """
SELECT true AS exists, rolcanlogin AS can_login, rolinherit AS inherits,
    rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS is_mighty,
    shobj_description(oid, 'pg_authid') AS comment,
    ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_roles.oid)
        AS member_of,
    EXISTS (
        SELECT FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid AND deptype = 'o'
    ) AS owns,
    (SELECT setconfig FROM pg_db_role_setting WHERE setrole = pg_roles.oid AND setdatabase = (
        SELECT oid FROM pg_database WHERE datname = current_database()
    )) AS settings,
    rolconfig AS everywhere,
    coalesce(rolvaliduntil <= now() OR rolconnlimit = 0, false) AS is_shut_out
FROM pg_roles WHERE rolname = %s
"""

# A privilege with grant option is a different word. None of ours has it.
GRANTS = """
SELECT nspname::text, '', '', privilege_type || repeat(' WITH GRANT OPTION', is_grantable::int)
FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl)
WHERE grantee = %(role)s::regrole
UNION ALL
SELECT nspname, relname, '', privilege_type || repeat(' WITH GRANT OPTION', is_grantable::int)
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN LATERAL aclexplode(relacl)
WHERE grantee = %(role)s::regrole
UNION ALL
SELECT nspname, relname, attname, privilege_type || repeat(' WITH GRANT OPTION', is_grantable::int)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN LATERAL aclexplode(attacl)
WHERE grantee = %(role)s::regrole AND NOT attisdropped
"""

# What none of our roles may have, each with the words of its REVOKE.
OTHER_GRANTS = """
SELECT DISTINCT 'REVOKE ALL ON ROUTINE ' || pg_proc.oid::regprocedure::text AS revoke
FROM pg_proc CROSS JOIN LATERAL aclexplode(proacl) WHERE grantee = %(role)s::regrole
UNION ALL
SELECT DISTINCT format('REVOKE CREATE, TEMPORARY ON DATABASE %%I', datname)
FROM pg_database CROSS JOIN LATERAL aclexplode(datacl)
WHERE grantee = %(role)s::regrole AND privilege_type <> 'CONNECT'
UNION ALL
SELECT format('REVOKE GRANT OPTION FOR CONNECT ON DATABASE %%I', datname)
FROM pg_database CROSS JOIN LATERAL aclexplode(datacl)
WHERE grantee = %(role)s::regrole AND datname = current_database() AND privilege_type = 'CONNECT'
    AND is_grantable
UNION ALL
SELECT DISTINCT format('REVOKE ALL ON %%s %%s', kind, name)
FROM (
    SELECT 'TABLESPACE' AS kind, quote_ident(spcname) AS name, spcacl AS acl FROM pg_tablespace
    UNION ALL SELECT 'FOREIGN SERVER', quote_ident(srvname), srvacl FROM pg_foreign_server
    UNION ALL SELECT 'FOREIGN DATA WRAPPER', quote_ident(fdwname), fdwacl
    FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'LANGUAGE', quote_ident(lanname), lanacl FROM pg_language
    UNION ALL SELECT 'TYPE', oid::regtype::text, typacl FROM pg_type
    UNION ALL SELECT 'PARAMETER', parname, paracl FROM pg_parameter_acl
) AS other CROSS JOIN LATERAL aclexplode(acl) WHERE grantee = %(role)s::regrole
UNION ALL
SELECT DISTINCT 'REVOKE ALL ON LARGE OBJECT ' || pg_largeobject_metadata.oid::text
FROM pg_largeobject_metadata CROSS JOIN LATERAL aclexplode(lomacl)
WHERE grantee = %(role)s::regrole
UNION ALL
SELECT DISTINCT format(
    'ALTER DEFAULT PRIVILEGES FOR ROLE %%I%%s REVOKE ALL ON %%s', pg_get_userbyid(defaclrole),
    ' IN SCHEMA ' || nullif(defaclnamespace, 0)::regnamespace::text,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
        WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END)
FROM pg_default_acl CROSS JOIN LATERAL aclexplode(defaclacl) WHERE grantee = %(role)s::regrole
ORDER BY 1
"""

NAMED_COLUMNS = """
SELECT nspname::text, relname::text, array_agg(attname::text ORDER BY attnum)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname IN ('public', 'django') AND relkind IN ('r', 'p') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class FoundRole:
    """A role in the catalog; `exists` is false if there is none."""

    exists: bool = False
    can_login: bool = False
    inherits: bool = False
    is_mighty: bool = False
    comment: str | None = None
    member_of: list[str] = field(default_factory=list)
    owns: bool = False
    #: Its password has expired, or it may have no connections.
    is_shut_out: bool = False
    #: In this database, and in all databases.
    settings: dict[str, str] = field(default_factory=dict)
    everywhere: dict[str, str] = field(default_factory=dict)
    grants: set[Grant] = field(default_factory=set)
    #: The statements that revoke other grants, without "FROM" and the role.
    revokes: list[str] = field(default_factory=list)


def find(cursor: Cursor, name: str) -> FoundRole:
    """Read a role from the catalog."""
    with cursor.connection.cursor(row_factory=dict_row) as by_name:
        row = by_name.execute(ROLE, [name]).fetchone()
    if row is None:
        return FoundRole()
    for key in ("settings", "everywhere"):
        row[key] = dict(entry.split("=", 1) for entry in row[key] or [])
    quoted = {"role": '"' + name.replace('"', '""') + '"'}
    return FoundRole(
        **row,
        grants=set(cursor.execute(GRANTS, quoted).fetchall()),
        revokes=[text for (text,) in cursor.execute(OTHER_GRANTS, quoted).fetchall()],
    )


def columns(cursor: Cursor) -> dict[tuple[str, str], list[str]]:
    """The columns of every table in public and django, by schema and table."""
    found = cursor.execute(NAMED_COLUMNS).fetchall()
    return {(schema, table): names for schema, table, names in found}
