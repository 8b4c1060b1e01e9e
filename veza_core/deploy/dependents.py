"""What outside of `public` and `django` depends on something inside, read from pg_depend.

Dropping what is inside with CASCADE drops such things with it: a foreign key of the chat service,
its views, its columns' defaults. They are found, named, and, when asked for, dropped on their own.
(PostgreSQL, "Dependency Tracking", 5.15, and the catalog pg_depend.)
"""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

OWN_SCHEMAS = ("public", "django")

#: What belongs to a schema and not to its contents, and stays with it.
STAYING = ("pg_extension", "pg_default_acl", "pg_publication_namespace")

# `going` is all that DROP … CASCADE would reach from the contents of the two schemas. What an
# extension owns is not among the contents, since extensions stay. Where a thing that goes is an
# internal part of another, as a rule is of its view, the other goes too.
GOING = """
WITH RECURSIVE owned_by_extensions AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), going (classid, objid, objsubid) AS (
    SELECT classid, objid, objsubid FROM pg_depend
    JOIN pg_namespace ON pg_namespace.oid = refobjid AND nspname = ANY(%(schemas)s)
    WHERE refclassid = 'pg_namespace'::regclass AND classid <> ALL (%(staying)s::regclass[])
        AND (classid, objid) NOT IN (TABLE owned_by_extensions)
    UNION
    SELECT reached.*
    FROM going
    JOIN pg_depend AS edge ON edge.refclassid = going.classid AND edge.refobjid = going.objid
        AND (going.objsubid = 0 OR edge.refobjsubid = going.objsubid)
    CROSS JOIN LATERAL (
        SELECT edge.classid, edge.objid, edge.objsubid
        UNION
        SELECT whole.refclassid, whole.refobjid, whole.refobjsubid FROM pg_depend AS whole
        WHERE whole.classid = edge.classid AND whole.objid = edge.objid AND whole.deptype = 'i'
    ) AS reached
    WHERE edge.deptype IN ('n', 'a', 'i')
)
SELECT identified.type, identified.identity, address.object_names, EXISTS (
    SELECT FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
    WHERE classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid AND attgenerated <> ''
)
FROM going
CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS identified
CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, objsubid) AS address
WHERE coalesce(identified.schema, address.object_names[1]) <> ALL (%(schemas)s)
    AND coalesce(identified.schema, '') <> 'pg_toast'
    -- Parts go with the whole: row types, rules of views, triggers of foreign keys, indexes of
    -- constraints.
    AND NOT EXISTS (
        SELECT FROM pg_depend AS part
        WHERE part.classid = going.classid AND part.objid = going.objid
            AND part.deptype = 'i' AND going.objsubid = 0
    )
ORDER BY objid DESC, objsubid
"""

# A publication of all tables goes on by itself, and so does one of schema public, which stays.
# One that names tables, or schema django, would lose them without a word.
PUBLISHED = """
SELECT 'publication', format('%%I of table %%s', pubname, prrelid::regclass),
    format('ALTER PUBLICATION %%I DROP TABLE %%s', pubname, prrelid::regclass)
FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
JOIN pg_class ON pg_class.oid = prrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%(schemas)s)
UNION ALL
SELECT 'publication', format('%%I of schema %%I', pubname, nspname),
    format('ALTER PUBLICATION %%I DROP TABLES IN SCHEMA %%I', pubname, nspname)
FROM pg_publication_namespace JOIN pg_publication ON pg_publication.oid = pnpubid
JOIN pg_namespace ON pg_namespace.oid = pnnspid
WHERE nspname = 'django' AND nspname = ANY(%(schemas)s)
ORDER BY 2
"""

# How each kind is dropped by itself; names[0] is the schema, names[1] the relation.
ON_RELATION = {
    "table constraint": "ALTER TABLE {relation} DROP CONSTRAINT IF EXISTS {name}",
    "default value": "ALTER TABLE {relation} ALTER COLUMN {name} DROP DEFAULT",
    "trigger": "DROP TRIGGER IF EXISTS {name} ON {relation}",
    "policy": "DROP POLICY IF EXISTS {name} ON {relation}",
    "rule": "DROP RULE IF EXISTS {name} ON {relation}",
}
BY_IDENTITY = {
    "view": "DROP VIEW IF EXISTS {identity}",
    "materialized view": "DROP MATERIALIZED VIEW IF EXISTS {identity}",
    "index": "DROP INDEX IF EXISTS {identity}",
    "function": "DROP FUNCTION IF EXISTS {identity}",
    "procedure": "DROP PROCEDURE IF EXISTS {identity}",
    "aggregate": "DROP AGGREGATE IF EXISTS {identity}",
    "type": "DROP TYPE IF EXISTS {identity}",
}


@dataclass(frozen=True, slots=True)
class Dependent:
    """A thing outside, in PostgreSQL's words, and the statement that drops it and nothing else.

    `drop` is None where dropping it would lose rows or a column: that is for its owner to do.
    """

    kind: str
    identity: str
    drop: sql.Composed | None

    def __str__(self) -> str:
        return f"{self.kind} {self.identity}"


def find_dependents(connection: BaseDatabaseWrapper) -> list[Dependent]:
    """Find what would be harmed, the newest first, so that they can be dropped in this order."""
    with connection.cursor() as cursor:
        cursor.execute(GOING, {"schemas": list(OWN_SCHEMAS), "staying": list(STAYING)})
        return [
            Dependent(kind, identity, None if generated else _drop(kind, identity, names))
            for kind, identity, names, generated in cursor.fetchall()
        ]


def find_publications(connection: BaseDatabaseWrapper) -> list[Dependent]:
    """Find the publications that name what is inside: their replicas would no longer get it."""
    with connection.cursor() as cursor:
        cursor.execute(PUBLISHED, {"schemas": list(OWN_SCHEMAS)})
        return [
            Dependent(kind, identity, sql.Composed([sql.SQL(drop)]))
            for kind, identity, drop in cursor.fetchall()
        ]


def _drop(kind: str, identity: str, names: list[str]) -> sql.Composed | None:
    if kind in ON_RELATION:
        schema, relation, name = names
        return sql.SQL(ON_RELATION[kind]).format(
            relation=sql.Identifier(schema, relation), name=sql.Identifier(name)
        )
    if kind in BY_IDENTITY:
        # pg_identify_object quotes what has to be quoted.
        return sql.SQL(BY_IDENTITY[kind]).format(identity=sql.SQL(identity))
    return None
