"""Finds privileges that a role must not have, and those that it lacks, by asking PostgreSQL.

So it sees every way in which a role can get a privilege: by grants to PUBLIC, to a group, or by
others. What PostgreSQL or an extension grants to PUBLIC from the start (`pg_init_privs`) is
accepted, with three exceptions: see `Unbounded`.
"""

from dataclasses import dataclass

from psycopg import Connection, sql

from veza_core.db.extensions import not_of_extension
from veza_site.roles.wanted import GrantedColumns, LoginRole

# The privileges that PUBLIC has from the start, on objects of PostgreSQL and extensions.
INITIAL = """
SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs)
WHERE i.classoid = '{catalog}'::regclass AND i.objoid = {object} AND i.objsubid = 0 AND grantee = 0
    AND privilege_type = {word}
"""

# Schema, relation, column, privilege.
OF_COLUMNS = """
SELECT nspname::text, relname::text, attname::text, word
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS word
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
    AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
    AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_column_privilege(%(role)s, c.oid, attnum, word)
    AND NOT EXISTS ({initial})
"""
# The same for whole relations, including PostgreSQL's own.
OF_RELATIONS = """
SELECT nspname::text, relname::text, '', word
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN unnest(
        ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'] || {newer}::text[]
    ) AS word
WHERE (word NOT IN ('SELECT', 'INSERT', 'UPDATE') OR nspname IN ('pg_catalog', 'pg_toast')
        -- Everybody reads it, by no initial privilege that is recorded.
        OR nspname = 'information_schema' AND word <> 'SELECT')
    AND relkind IN ('r', 'p', 'v', 'm', 'f', 't')
    AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_table_privilege(%(role)s, c.oid, word) AND NOT EXISTS ({initial})
"""
# The same for single columns of PostgreSQL's own relations.
OF_ITS_COLUMNS = """
SELECT nspname::text, relname::text, attname::text, privilege_type
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    CROSS JOIN LATERAL aclexplode(attacl) AS given
WHERE nspname IN ('pg_catalog', 'pg_toast', 'information_schema') AND NOT attisdropped
    AND grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = %(role)s))
    AND NOT EXISTS (
        SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) AS first
        WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = attnum
            AND first.grantee = 0 AND first.privilege_type = given.privilege_type
    )
"""
# The privileges that PostgreSQL 17 added.
NEWER = "ARRAY['MAINTAIN']"

# Other privileges that a role has and ours must not have, in words.
OTHER = f"""
SELECT format('use sequence %%I.%%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE has_schema_privilege(%(role)s, n.oid, 'USAGE')
    -- In this order: of another relation the question is an error.
    AND CASE WHEN relkind = 'S'
        THEN has_sequence_privilege(%(role)s, c.oid, 'USAGE, SELECT, UPDATE') END
    AND {not_of_extension("'pg_class'", "c.oid")}
UNION ALL
SELECT format('create in schema %%I', nspname) FROM pg_namespace
WHERE nspname !~ '^pg_(toast|temp)' AND has_schema_privilege(%(role)s, oid, 'CREATE')
UNION ALL
SELECT format('create in database %%I', datname) FROM pg_database
WHERE has_database_privilege(%(role)s, oid, 'CREATE')
UNION ALL
SELECT format('create in tablespace %%I', spcname) FROM pg_tablespace
WHERE has_tablespace_privilege(%(role)s, oid, 'CREATE')
UNION ALL
SELECT format('call %%s, which runs as %%I', p.oid::regprocedure, pg_get_userbyid(proowner))
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE prosecdef AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
    AND {not_of_extension("'pg_proc'", "p.oid")}
UNION ALL
SELECT format('call %%s, whose language is not trusted', p.oid::regprocedure)
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON l.oid = prolang
-- Code of C, or one of PostgreSQL's own functions under another name, for which nothing was
-- revoked. The first number is that of objects that initdb did not make.
WHERE NOT lanpltrusted AND p.oid >= 16384 AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
    AND {not_of_extension("'pg_proc'", "p.oid")}
UNION ALL
SELECT format('call %%s', p.oid::regprocedure)
FROM pg_proc p JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
WHERE has_function_privilege(%(role)s, p.oid, 'EXECUTE') AND NOT EXISTS ({{initial}})
UNION ALL
SELECT format('use foreign server %%I', srvname) FROM pg_foreign_server
WHERE has_server_privilege(%(role)s, oid, 'USAGE')
UNION ALL
SELECT format('use foreign-data wrapper %%I', fdwname) FROM pg_foreign_data_wrapper
WHERE has_foreign_data_wrapper_privilege(%(role)s, oid, 'USAGE')
UNION ALL
SELECT format('set %%I', parname) FROM pg_parameter_acl
WHERE has_parameter_privilege(%(role)s, parname, 'SET, ALTER SYSTEM')
UNION ALL
SELECT format('give %%s on %%s to others', privilege_type, name)
FROM (
    SELECT relacl AS acl, oid::regclass::text AS name FROM pg_class
    UNION ALL SELECT attacl, attrelid::regclass::text || '.' || attname FROM pg_attribute
    UNION ALL SELECT nspacl, 'schema ' || nspname FROM pg_namespace
    UNION ALL SELECT datacl, 'database ' || datname FROM pg_database
    WHERE datname = current_database()
) AS held CROSS JOIN LATERAL aclexplode(acl)
WHERE is_grantable AND grantee = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
UNION ALL
SELECT format('use large object %%s', pg_largeobject_metadata.oid)
FROM pg_largeobject_metadata CROSS JOIN LATERAL aclexplode(lomacl)
WHERE grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = %(role)s))
UNION ALL
SELECT format('use what %%I will create (ALTER DEFAULT PRIVILEGES)', pg_get_userbyid(defaclrole))
FROM pg_default_acl CROSS JOIN LATERAL aclexplode(defaclacl)
WHERE grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = %(role)s))
    AND defaclobjtype NOT IN ('f', 'T')
"""


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A privilege that PostgreSQL grants to PUBLIC in every new database, and that can do harm."""

    #: For `--accept`.
    name: str
    harm: str
    #: A regular expression for the names of functions in pg_catalog; empty: TEMPORARY.
    functions: str = ""


UNBOUNDED = (
    Unbounded("temporary-tables", "fill the disk with temporary tables"),
    Unbounded("large-objects", "fill the disk with large objects", "^(lo_.*|loread|lowrite)$"),
    Unbounded("advisory-locks", "stop migrate by its advisory lock", "advisory"),
)

RUNNABLE = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ %s
    AND has_function_privilege(%s, oid, 'EXECUTE')
ORDER BY 1
"""


def given_to_public(connection: Connection, role: str, thing: Unbounded) -> list[str]:
    """Which of these a role has: names for GRANT and REVOKE, "FUNCTION …" or "DATABASE …"."""
    if not thing.functions:
        statement = """
            SELECT format('DATABASE %%I', current_database())
            WHERE has_database_privilege(%s, current_database(), 'TEMPORARY')
        """
        return [name for (name,) in connection.execute(statement, [role]).fetchall()]
    rows = connection.execute(RUNNABLE, [thing.functions, role]).fetchall()
    return [f"FUNCTION pg_catalog.{name.removeprefix('pg_catalog.')}" for (name,) in rows]


#: Other databases of the server. What a role may do there cannot be asked from here.
ELSEWHERE = """
SELECT quote_ident(datname) FROM pg_database
WHERE datallowconn AND datname <> current_database() AND has_database_privilege(%s, oid, 'CONNECT')
ORDER BY 1
"""


def elsewhere(connection: Connection, role: str) -> list[str]:
    """The other databases to which the role may connect; pg_hba.conf may still refuse it."""
    return [name for (name,) in connection.execute(ELSEWHERE, [role]).fetchall()]


def excess(connection: Connection, role: LoginRole, columns: GrantedColumns) -> list[str]:
    """The privileges that the role must not have, in words, without those in `Unbounded`."""
    allowed = _by_column(role, columns)
    found = []
    for query in (OF_COLUMNS, OF_RELATIONS, OF_ITS_COLUMNS):
        for grant in _ask(connection, query, role.name, "pg_class", "c.oid", "word"):
            if tuple(grant) not in allowed:
                found.append(_words(*grant))
    other = _ask(connection, OTHER, role.name, "pg_proc", "p.oid", "'EXECUTE'")
    return sorted({*found, *(words for (words,) in other)})


def lack(connection: Connection, role: LoginRole, columns: GrantedColumns) -> list[str]:
    """The privileges that the role needs and lacks, in words."""
    has = set()
    for query in (OF_COLUMNS, OF_RELATIONS):
        has |= set(_ask(connection, query, role.name, "pg_class", "c.oid", "word"))
    return sorted({_words(*grant) for grant in _by_column(role, columns) - has})


def _ask(
    connection: Connection, query: str, role: str, catalog: str, object_: str, word: str
) -> list[tuple[str, ...]]:
    initial = INITIAL.format(catalog=catalog, object=object_, word=word)
    newer = NEWER if connection.info.server_version >= 170000 else "'{}'"
    text = query.replace("{initial}", initial).replace("{newer}", newer)
    return connection.execute(text.encode(), {"role": role}).fetchall()


def _by_column(role: LoginRole, columns: GrantedColumns) -> set[tuple[str, ...]]:
    """The wanted privileges, with each column by its name; DELETE has none."""
    wanted: set[tuple[str, ...]] = set()
    for schema, table, column, word in role.kind.grants(columns):
        if not table:
            continue
        if word == "DELETE":
            wanted.add((schema, table, "", word))
        else:
            names = [column] if column else columns[schema, table]
            wanted |= {(schema, table, name, word) for name in names}
    return wanted


def _words(schema: str, table: str, column: str, word: str) -> str:
    name = sql.Identifier(*filter(None, (schema, table, column))).as_string()
    return f"{word} {name.replace('"', '')}"
