"""What the role is, as the catalog has it."""

from dataclasses import dataclass, field

from psycopg import Cursor

from veza_site.read_role.wanted import Grant

ROLE = """
SELECT rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
    shobj_description(oid, 'pg_authid'),
    ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_roles.oid),
    EXISTS (
        SELECT FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid AND deptype = 'o'
    ),
    (SELECT setconfig FROM pg_db_role_setting WHERE setrole = pg_roles.oid AND setdatabase = (
        SELECT oid FROM pg_database WHERE datname = current_database()
    ))
FROM pg_roles WHERE rolname = %s
"""

GRANTS = """
SELECT nspname::text, '', '', privilege_type
FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl)
WHERE grantee = %(role)s::regrole AND nspname !~ '^pg_'
UNION ALL
SELECT nspname, relname, '', privilege_type
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN LATERAL aclexplode(relacl)
WHERE grantee = %(role)s::regrole
UNION ALL
SELECT nspname, relname, attname, privilege_type
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN LATERAL aclexplode(attacl)
WHERE grantee = %(role)s::regrole AND NOT attisdropped
"""

COLUMNS = """
SELECT nspname::text, relname::text, array_agg(attname::text ORDER BY attnum)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname IN ('public', 'django') AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
GROUP BY 1, 2
"""

# Whatever the role may read or write, by whatever way: its own grants, PUBLIC's, a membership.
READABLE = """
SELECT nspname::text, relname::text, attname::text
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname IN ('public', 'django') AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_column_privilege(%(role)s, c.oid, attnum, 'SELECT')
"""
WRITABLE = """
SELECT format('%%I.%%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (
        has_any_column_privilege(%(role)s, c.oid, 'INSERT, UPDATE')
        OR has_table_privilege(%(role)s, c.oid, 'DELETE, TRUNCATE, TRIGGER')
    )
UNION ALL
SELECT format('schema %%I (CREATE)', nspname) FROM pg_namespace
WHERE nspname !~ '^pg_' AND has_schema_privilege(%(role)s, oid, 'CREATE')
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The role as it is; `exists` is false for none at all."""

    exists: bool = False
    can_login: bool = False
    is_mighty: bool = False
    comment: str | None = None
    member_of: list[str] = field(default_factory=list)
    owns: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    grants: set[Grant] = field(default_factory=set)


def find(cursor: Cursor, name: str) -> Found:
    """Read what a role is."""
    row = cursor.execute(ROLE, [name]).fetchone()
    if row is None:
        return Found()
    can_login, is_mighty, comment, member_of, owns, config = row
    grants = cursor.execute(GRANTS, {"role": _quoted(name)}).fetchall()
    return Found(
        exists=True,
        can_login=can_login,
        is_mighty=is_mighty,
        comment=comment,
        member_of=member_of,
        owns=owns,
        settings=dict(entry.split("=", 1) for entry in config or []),
        grants={(schema, table, column, word) for schema, table, column, word in grants},
    )


def columns(cursor: Cursor) -> dict[tuple[str, str], list[str]]:
    """The columns of every table in public and django, by schema and table."""
    found = cursor.execute(COLUMNS).fetchall()
    return {(schema, table): names for schema, table, names in found}


def readable(cursor: Cursor, name: str) -> set[tuple[str, str, str]]:
    """Schema, table and column of all that the role can read in public and django."""
    return set(cursor.execute(READABLE, {"role": name}).fetchall())


def writable(cursor: Cursor, name: str) -> list[str]:
    """Where the role can write, or make something."""
    return [what for (what,) in cursor.execute(WRITABLE, {"role": name}).fetchall()]


def _quoted(name: str) -> str:
    """A role's name as `regrole` reads it."""
    return '"' + name.replace('"', '""') + '"'
