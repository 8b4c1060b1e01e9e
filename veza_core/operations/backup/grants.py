"""Restores exactly the grants in a backup, without those of the target's default privileges."""

from typing import Any

from veza_core.db.extensions import not_of_extension
from veza_core.operations.contents import OWN_SCHEMAS

# Objects created in the transaction whose grants differ from PostgreSQL's defaults: all grants are
# revoked first, then PostgreSQL's defaults are granted again.
STATEMENTS = f"""
WITH made (kind, name, acl, standard) AS (
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, pg_class.oid::regclass::text,
        relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND {not_of_extension("'pg_class'", "pg_class.oid")}
    UNION ALL
    SELECT 'ROUTINE', pg_proc.oid::regprocedure::text, proacl, acldefault('f', proowner)
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = ANY(%(schemas)s)
        AND {not_of_extension("'pg_proc'", "pg_proc.oid")}
    UNION ALL
    SELECT 'TYPE', format_type(pg_type.oid, NULL), typacl, acldefault('T', typowner)
    FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE nspname = ANY(%(schemas)s)
        AND {not_of_extension("'pg_type'", "pg_type.oid")}
    UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), nspacl, acldefault('n', nspowner)
    FROM pg_namespace WHERE nspname = 'django'
), named AS (
    SELECT DISTINCT kind, name, step, CASE grantee WHEN 0 THEN 'PUBLIC'
        ELSE quote_ident(pg_get_userbyid(grantee)) END AS role
    FROM made CROSS JOIN LATERAL (
        SELECT 1 AS step, grantee FROM aclexplode(acl)
        UNION ALL SELECT 2, grantee FROM aclexplode(standard)
    ) AS item
    WHERE acl IS NOT NULL
)
SELECT CASE step WHEN 1 THEN format('REVOKE ALL ON %%s %%s FROM %%s', kind, name, role)
    ELSE format('GRANT ALL ON %%s %%s TO %%s', kind, name, role) END
FROM named ORDER BY step
"""

DEFINERS = f"""
SELECT format('REVOKE ALL ON ROUTINE %%s FROM PUBLIC', pg_proc.oid::regprocedure)
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = ANY(%(schemas)s) AND prosecdef
    AND {not_of_extension("'pg_proc'", "pg_proc.oid")}
"""


def forget_default_grants(cursor: Any) -> None:
    """Reset the grants of all objects in the two schemas to PostgreSQL's defaults."""
    _run_each(cursor, STATEMENTS)


def keep_definers_from_public(cursor: Any) -> None:
    """Revoke from PUBLIC the privilege to execute functions that run with their owner's privileges.

    For a restore without the backup's grants, which include such revocations.
    """
    _run_each(cursor, DEFINERS)


def _run_each(cursor: Any, query: str) -> None:
    cursor.execute(query, {"schemas": list(OWN_SCHEMAS)})
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
