"""Objects outside of `public` and `django` that depend on something inside, from pg_depend.

DROP … CASCADE inside would drop them too: a foreign key of the chat service, its views, its
columns' defaults. They are listed and, on request, dropped separately. (PostgreSQL, "Dependency
Tracking", 5.15, and the catalog pg_depend.)
"""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.extensions import not_of_extension
from veza_core.db.fetch import fetch_all
from veza_core.operations.contents import OWN_SCHEMAS, STAYING, Object

# `going` has everything that DROP … CASCADE would reach from the contents of the two schemas. What
# an extension owns is not part of the contents, because extensions stay. If an object that is
# dropped is an internal part of another, as a rule is of its view, the other is dropped too.
GOING = """
WITH RECURSIVE owned_by_extensions AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT pg_class.oid FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s || ARRAY['pg_toast'])
), inside (classid, objid) AS (
    -- pg_identify_object is slow: these objects are left out without it.
    SELECT 'pg_class'::regclass::oid, oid FROM relations
    UNION ALL SELECT 'pg_type'::regclass, pg_type.oid FROM pg_type
        JOIN pg_namespace ON pg_namespace.oid = typnamespace WHERE nspname = ANY(%(schemas)s)
    UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef
        WHERE adrelid IN (TABLE relations)
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
        WHERE conrelid IN (TABLE relations)
    UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger
        WHERE tgrelid IN (TABLE relations)
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
        UNION ALL
        SELECT whole.refclassid, whole.refobjid, whole.refobjsubid FROM pg_depend AS whole
        WHERE whole.classid = edge.classid AND whole.objid = edge.objid
            AND whole.objsubid = edge.objsubid AND whole.deptype = 'i'
    ) AS reached
    WHERE edge.deptype IN ('n', 'a', 'i')
)
SELECT identified.type, identified.identity, (
    SELECT object_names FROM pg_identify_object_as_address(classid, objid, objsubid)
), EXISTS (
    SELECT FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
    WHERE classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid AND attgenerated <> ''
)
FROM going
CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS identified
WHERE (classid, objid) NOT IN (TABLE inside)
    AND coalesce(identified.schema, (
        SELECT object_names[1] FROM pg_identify_object_as_address(classid, objid, objsubid)
    )) <> ALL (%(schemas)s)
    AND coalesce(identified.schema, '') <> 'pg_toast'
    -- A cast has no schema. One between a type of ours and one of PostgreSQL's is ours.
    AND NOT (classid = 'pg_cast'::regclass AND NOT EXISTS (
        SELECT FROM pg_cast JOIN pg_type ON pg_type.oid IN (castsource, casttarget)
        WHERE pg_cast.oid = objid AND typnamespace::regnamespace::text
            <> ALL (%(schemas)s || ARRAY['pg_catalog', 'information_schema'])
    ))
    -- Parts are dropped with the whole: row types, rules of views, triggers of foreign keys,
    -- indexes of constraints.
    AND NOT EXISTS (
        SELECT FROM pg_depend AS part
        WHERE part.classid = going.classid AND part.objid = going.objid
            AND part.objsubid = 0 AND part.deptype = 'i' AND going.objsubid = 0
    )
    -- So are columns, such as a view's column of one of our enum types.
    AND NOT EXISTS (
        SELECT FROM going AS whole WHERE whole.classid = going.classid
            AND whole.objid = going.objid AND whole.objsubid = 0 AND going.objsubid <> 0
    )
ORDER BY objid DESC, objsubid
"""

# Tables outside that include our rows, because ours are partitions of them or inherit from them;
# and extensions in schema django.
NEVER_DROPPED = """
SELECT 'table', format('%%s (%%s is a part of it)', inhparent::regclass, inhrelid::regclass)
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid AND child.relkind IN ('r', 'p', 'f')
JOIN pg_class AS parent ON parent.oid = inhparent
WHERE child.relnamespace::regnamespace::text = ANY(%(schemas)s)
    AND parent.relnamespace::regnamespace::text <> ALL (%(schemas)s)
-- Schema django is dropped as a whole, but extensions must stay.
UNION ALL
SELECT 'extension', format(
    '%%I (in schema django: ALTER EXTENSION %%I SET SCHEMA public moves it)', extname, extname)
FROM pg_extension WHERE extnamespace::regnamespace::text = 'django'
ORDER BY 2
"""

# Objects of others on our tables: they use something outside, and are dropped with the table.
GUESTS = f"""
SELECT DISTINCT identified.type, identified.identity, address.object_names
FROM (
    SELECT oid, 'pg_trigger'::regclass AS catalog, tgrelid AS relation FROM pg_trigger
        WHERE NOT tgisinternal AND tgparentid = 0
    UNION ALL SELECT oid, 'pg_policy'::regclass, polrelid FROM pg_policy
    UNION ALL SELECT oid, 'pg_rewrite'::regclass, ev_class FROM pg_rewrite
        WHERE rulename <> '_RETURN'
    UNION ALL SELECT oid, 'pg_constraint'::regclass, conrelid FROM pg_constraint
        WHERE contype = 'f' AND conparentid = 0
) AS guest
JOIN pg_class ON pg_class.oid = guest.relation
    AND relnamespace::regnamespace::text = ANY(%(schemas)s)
JOIN pg_depend ON classid = guest.catalog AND objid = guest.oid AND deptype = 'n'
CROSS JOIN LATERAL pg_identify_object(refclassid, refobjid, 0) AS used
CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS identified
CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, 0) AS address
WHERE used.schema <> ALL (%(schemas)s || ARRAY['pg_catalog', 'information_schema'])
    AND {not_of_extension("pg_depend.refclassid", "pg_depend.refobjid")}
ORDER BY 2
"""

# Other servers receive our published tables, and send those that we subscribe to. Both end when a
# table is recreated: the other server knows only the old table, or does not have the new one.
REPLICATED = """
SELECT 'publication', format('%%I of table %%s', pubname, prrelid::regclass),
    format('ALTER PUBLICATION %%I DROP TABLE %%s', pubname, prrelid::regclass), true
FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
JOIN pg_class ON pg_class.oid = prrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%(schemas)s)
UNION ALL
SELECT 'publication', format('%%I of schema %%I', pubname, nspname),
    format('ALTER PUBLICATION %%I DROP TABLES IN SCHEMA %%I', pubname, nspname), nspname = 'django'
FROM pg_publication_namespace JOIN pg_publication ON pg_publication.oid = pnpubid
JOIN pg_namespace ON pg_namespace.oid = pnnspid
WHERE nspname = ANY(%(schemas)s)
UNION ALL
SELECT 'publication', format('%%I of all tables', pubname),
    format('DROP PUBLICATION %%I', pubname), false
FROM pg_publication WHERE puballtables
UNION ALL
SELECT 'subscription', format('%%s to table %%s', (
    -- Only superusers can read all columns of pg_subscription.
    SELECT quote_ident(subname) FROM pg_subscription WHERE pg_subscription.oid = srsubid
), srrelid::regclass), NULL, true
FROM pg_subscription_rel JOIN pg_class ON pg_class.oid = srrelid
WHERE relnamespace::regnamespace::text = ANY(%(schemas)s)
ORDER BY 2
"""

# How an object of each kind is dropped without its table.
ON_RELATION = {
    "table constraint": "ALTER TABLE {relation} DROP CONSTRAINT IF EXISTS {name}",
    "default value": "ALTER TABLE {relation} ALTER COLUMN {name} DROP DEFAULT",
    "trigger": "DROP TRIGGER IF EXISTS {name} ON {relation}",
    "policy": "DROP POLICY IF EXISTS {name} ON {relation}",
    "rule": "DROP RULE IF EXISTS {name} ON {relation}",
}
#: These kinds are dropped by their identity.
BY_IDENTITY = {
    *("view", "materialized view", "index", "function", "procedure", "aggregate", "type", "cast"),
    *("operator", "operator class", "operator family", "conversion", "statistics object"),
    *("text search configuration", "text search dictionary", "event trigger", "language"),
    *("access method", "foreign-data wrapper"),
}


@dataclass(frozen=True, slots=True)
class Dependent(Object):
    """An object outside, in PostgreSQL's words, and the statement that drops only this object.

    `drop` is None if dropping it loses rows or a column: only its owner should do that.
    """

    drop: sql.Composable | None
    #: For an object on a table: the table's name, and the object's.
    on: tuple[str, str] | None = None


def find_dependents(connection: BaseDatabaseWrapper) -> list[Dependent]:
    """Find the objects outside, the newest first: they can be dropped in this order."""
    parameters = {"schemas": list(OWN_SCHEMAS), "staying": list(STAYING)}
    dependents = [
        Dependent(kind, identity, None if generated else _drop(kind, identity, names))
        for kind, identity, names, generated in fetch_all(connection, GOING, parameters)
    ]
    never = fetch_all(connection, NEVER_DROPPED, parameters)
    return dependents + [Dependent(kind, identity, None) for kind, identity in never]


def find_guests(connection: BaseDatabaseWrapper) -> list[Dependent]:
    """Find triggers, policies, rules and foreign keys of others on tables of ours."""
    return [
        Dependent(kind, identity, _drop(kind, identity, names), (names[1], names[2]))
        for kind, identity, names in fetch_all(connection, GUESTS, {"schemas": list(OWN_SCHEMAS)})
    ]


def find_replication(connection: BaseDatabaseWrapper, *, all_tables: bool) -> list[Dependent]:
    """Find publications and subscriptions that would lose objects inside.

    `all_tables`: also those of all tables, and of schema public. They get the recreated tables, but
    their replicas do not.
    """
    rows = fetch_all(connection, REPLICATED, {"schemas": list(OWN_SCHEMAS)})
    return [
        Dependent(kind, identity, sql.SQL(drop) if drop else None)
        for kind, identity, drop, loses in rows
        if loses or all_tables
    ]


def _drop(kind: str, identity: str, names: list[str]) -> sql.Composable | None:
    if kind in ON_RELATION:
        schema, relation, name = names
        return sql.SQL(ON_RELATION[kind]).format(
            relation=sql.Identifier(schema, relation), name=sql.Identifier(name)
        )
    if kind in BY_IDENTITY:
        return sql.SQL(Object(kind, identity).drop_statement)
    return None
