"""The queries of pg_catalog: one for each kind of object, for all tables at once.

All of them take `schemas`, the oids of the audited schemas, and leave out objects of extensions
(pg_depend, deptype 'e'). Most columns have the name of the field in which the reader puts them.
"""

from veza_core.db.extensions import not_of_extension
from veza_core.db.schema_version import VERSION
from veza_core.schema.options import known_settings

DATABASE = f"""
SELECT current_database()::text AS database, current_user::text AS role,
       host(inet_server_addr()) AS address,
       coalesce(inet_server_port(), current_setting('port')::int) AS port,
       {VERSION} AS schema_version,
       ARRAY(SELECT extname::text FROM pg_extension) AS installed_extensions,
       ARRAY(SELECT name::text FROM pg_available_extensions) AS available_extensions,
       (SELECT setting = boot_val AND source IN ('default', 'session')
        FROM pg_settings WHERE name = 'random_page_cost') AS has_default_page_cost
"""

# pg_database_owner, which owns `public` from PostgreSQL 15 on, means the database's owner.
SCHEMAS = """
SELECT n.oid, n.nspname::text,
       pg_get_userbyid(CASE WHEN pg_get_userbyid(n.nspowner) = 'pg_database_owner'
                            THEN d.datdba ELSE n.nspowner END)::text
FROM pg_namespace n JOIN pg_database d ON d.datname = current_database()
WHERE n.nspname::text = ANY(%(names)s)
"""

OTHER_SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE oid <> ALL(%(schemas)s)"

DOMAINS = """
WITH RECURSIVE layers AS (
    SELECT oid AS domain, typbasetype AS base, typtypmod AS modifier, typnotnull AS not_null,
           EXISTS (SELECT FROM pg_constraint WHERE contypid = t.oid AND contype = 'c') AS has_checks
    FROM pg_type t WHERE typtype = 'd'
  UNION ALL
    SELECT l.domain, t.typbasetype, greatest(l.modifier, t.typtypmod), l.not_null OR t.typnotnull,
           l.has_checks
           OR EXISTS (SELECT FROM pg_constraint WHERE contypid = t.oid AND contype = 'c')
    FROM layers l JOIN pg_type t ON t.oid = l.base AND t.typtype = 'd'
)
SELECT l.domain, l.base AS base_type, l.modifier AS base_modifier, l.not_null,
       coalesce(pg_get_expr(d.typdefaultbin, 0), d.typdefault) AS default, l.has_checks
FROM layers l
JOIN pg_type b ON b.oid = l.base AND b.typtype <> 'd'
JOIN pg_type d ON d.oid = l.domain
"""

# Kinds: r table, p partitioned table, v view, m materialized view, f foreign table.
RELATIONS = f"""
SELECT coalesce(p.partattrs::int2[], '{{}}') AS partition_numbers,
       c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       c.relispartition AS is_partition, pg_get_userbyid(c.relowner)::text AS owner,
       EXISTS (SELECT FROM pg_description d
               WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0)
           AS has_comment,
       c.relpersistence = 'u' AS is_unlogged, c.reloftype <> 0 AS is_typed,
       EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) AS has_policies,
       c.relrowsecurity AS is_secured, c.relforcerowsecurity AS is_forced,
       c.relnamespace = ANY(%(schemas)s) AS is_audited
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
WHERE (c.relnamespace = ANY(%(schemas)s) OR c.oid = ANY(%(elsewhere)s))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND {not_of_extension("'pg_class'", "c.oid")}
ORDER BY n.nspname, c.relname
"""

# Partitions of audited tables in schemas that are not audited, at any depth.
PARTITIONS_ELSEWHERE = """
WITH RECURSIVE parts AS (
    SELECT i.inhrelid AS oid
    FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid
    WHERE p.relnamespace = ANY(%(schemas)s) AND p.relkind = 'p'
  UNION
    SELECT i.inhrelid FROM parts JOIN pg_inherits i ON i.inhparent = parts.oid
)
SELECT c.oid FROM parts JOIN pg_class c USING (oid)
WHERE c.relkind IN ('r', 'p') AND c.relnamespace <> ALL(%(schemas)s)
"""

TAKEN_NAMES = """
SELECT n.nspname::text, array_agg(c.relname::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY(%(schemas)s)
GROUP BY n.nspname
"""

COLUMNS = """
SELECT a.attrelid AS relation, a.attnum AS number, a.attname::text AS name,
       a.atttypid AS base_type, a.atttypmod AS modifier, a.attnotnull AS not_null,
       a.attidentity::text AS identity, a.attgenerated::text AS generated,
       a.attinhcount = 0 AS is_local, pg_get_expr(d.adbin, d.adrelid) AS default,
       com.objoid IS NOT NULL AS has_comment
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_description com ON com.objoid = a.attrelid AND com.objsubid = a.attnum
                            AND com.classoid = 'pg_class'::regclass
WHERE (c.relnamespace = ANY(%(schemas)s) OR c.oid = ANY(%(elsewhere)s))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY a.attrelid, a.attnum
"""

# Formats each type once, because many columns have the same.
TYPE_NAMES = """
SELECT type, modifier, format_type(type, modifier)
FROM unnest(%(types)s::oid[], %(modifiers)s::int4[]) AS t (type, modifier)
"""

# Columns with something that forbids ALTER COLUMN … TYPE: a view, a policy, a generated column…
PINNED_COLUMNS = """
SELECT refobjid, refobjsubid
FROM pg_depend
WHERE refclassid = 'pg_class'::regclass AND refobjsubid > 0
  AND classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass,
                  'pg_proc'::regclass, 'pg_publication_rel'::regclass)
UNION
SELECT dep.refobjid, dep.refobjsubid
FROM pg_attribute a
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_depend dep ON dep.classid = 'pg_attrdef'::regclass AND dep.objid = d.oid
                  AND dep.refclassid = 'pg_class'::regclass AND dep.refobjsubid > 0
                  AND dep.refobjsubid <> a.attnum
WHERE a.attgenerated <> ''
"""

INHERITANCE = """
SELECT i.inhrelid, i.inhparent
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE (c.relnamespace = ANY(%(schemas)s) OR c.oid = ANY(%(elsewhere)s))
  AND c.relkind IN ('r', 'p')
ORDER BY i.inhrelid, i.inhseqno
"""


CHECKS = """
SELECT con.conrelid AS relation, con.conname::text AS name, con.contype::text AS kind,
       pg_get_constraintdef(con.oid) AS definition,
       con.coninhcount > 0 OR con.conparentid <> 0 AS is_inherited
FROM pg_class t JOIN pg_constraint con ON con.conrelid = t.oid
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p') AND con.contype IN ('c', 'x')
ORDER BY con.oid
"""

# Without the keys that have a conparentid: a partition inherits them, or PostgreSQL keeps them for
# a partition of the referenced table. {enforced} and {period} are columns of PostgreSQL 18.
FOREIGN_KEYS = """
SELECT con.conrelid AS relation, con.conkey::int2[] AS numbers,
       coalesce(con.confdelsetcols::int2[], '{{}}') AS set_numbers,
       pairs.target_names, pairs.target_types, pairs.target_type_names,
       -- The operators of a foreign key are for `$1 = column`; an index needs `column = $1`.
       ARRAY(SELECT CASE o.oprcom WHEN 0 THEN o.oid ELSE o.oprcom END
             FROM unnest(con.conpfeqop) WITH ORDINALITY AS used (operator, place)
             JOIN pg_operator o ON o.oid = used.operator ORDER BY place) AS operators,
       pairs.collations,
       con.conname::text AS name, con.confrelid AS target_oid, n.nspname::text AS target_schema,
       target.relname::text AS target_table, con.confdeltype::text AS on_delete,
       con.confupdtype::text AS on_update, con.confmatchtype::text AS match,
       con.condeferrable AS is_deferrable, con.convalidated AS is_valid,
       {enforced} AS is_enforced, {period} AS is_temporal, con.condeferred AS is_deferred,
       (SELECT description FROM pg_description WHERE objoid = con.oid
            AND classoid = 'pg_constraint'::regclass) AS comment
FROM pg_class t
JOIN pg_constraint con ON con.conrelid = t.oid
JOIN pg_class target ON target.oid = con.confrelid
JOIN pg_namespace n ON n.oid = target.relnamespace
CROSS JOIN LATERAL (
    SELECT array_agg(p.attname::text ORDER BY place) AS target_names,
           array_agg(p.atttypid ORDER BY place) AS target_types,
           array_agg(format_type(p.atttypid, p.atttypmod) ORDER BY place) AS target_type_names,
           -- The referring column's collation. If the referenced column's is not deterministic,
           -- PostgreSQL compares by that (ri_triggers.c, ri_GenerateQualCollation).
           array_agg(CASE WHEN c.oid IS NULL OR c.collisdeterministic THEN f.attcollation
                          ELSE p.attcollation END ORDER BY place) AS collations
    FROM unnest(con.conkey, con.confkey) WITH ORDINALITY AS pair (own, other, place)
    JOIN pg_attribute f ON f.attrelid = con.conrelid AND f.attnum = own
    JOIN pg_attribute p ON p.attrelid = con.confrelid AND p.attnum = other
    LEFT JOIN pg_collation c ON c.oid = p.attcollation
) pairs
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p')
  AND con.contype = 'f' AND con.conparentid = 0
ORDER BY con.oid
"""

# The audited schemas' own functions, and those that their triggers call, in any schema.
FUNCTIONS = f"""
SELECT p.oid, n.nspname::text AS schema, p.proname::text AS name,
       pg_get_function_identity_arguments(p.oid) AS arguments,
       pg_get_userbyid(p.proowner)::text AS owner, l.lanname::text AS language,
       coalesce(p.prosrc, '') AS source,
       coalesce({known_settings("p.proconfig")}, '{{}}') AS settings,
       p.prorettype = 'trigger'::regtype AS returns_trigger,
       own.is_audited, p.prosecdef AS is_definer,
       (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0
                                    AND a.privilege_type = 'EXECUTE'))
       AND EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0
                   AND a.privilege_type = 'USAGE')
       AND p.prorettype <> 'event_trigger'::regtype AS is_public,
       p.prosqlbody IS NOT NULL AS is_resolved,
       coalesce((
           SELECT min(CASE WHEN i.relkind IN ('i', 'I') OR a.attgenerated <> ''
                             OR d.classid = 'pg_constraint'::regclass
                           THEN 'an index or a constraint'
                           WHEN g.oid IS NOT NULL THEN 'a trigger'
                           WHEN d.classid = 'pg_event_trigger'::regclass THEN 'an event trigger'
                           WHEN d.classid = 'pg_policy'::regclass THEN 'a policy'
                           WHEN v.relkind = 'm' THEN 'a materialized view' END)
           FROM pg_depend d
           LEFT JOIN pg_class i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid
           LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
           LEFT JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
           LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
                                 AND NOT g.tgisinternal
           LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
           LEFT JOIN pg_class v ON v.oid = r.ev_class
           WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid), '') AS run_by
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
CROSS JOIN LATERAL (SELECT p.pronamespace = ANY(%(schemas)s)
                           AND {not_of_extension("'pg_proc'", "p.oid")} AS is_audited) own
WHERE own.is_audited
   OR p.proname = 'update_updated_at_column'
   OR p.oid IN (SELECT g.tgfoid FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
                WHERE t.relnamespace = ANY(%(schemas)s) AND NOT g.tgisinternal)
ORDER BY n.nspname, p.proname, p.oid
"""

# A partition's clone of its parent's trigger is not marked as internal from version 15 on.
TRIGGERS = """
SELECT g.tgrelid AS relation, g.tgname::text AS name, g.tgfoid AS function,
       g.tgargs AS arguments, g.tgtype AS kind, g.tgenabled::text AS enabled,
       g.tgattr::text <> '' OR (g.tgqual IS NOT NULL
           -- An UPDATE that changes nothing needs no new time.
           AND pg_get_triggerdef(g.oid) NOT LIKE '%%WHEN ((old.* IS DISTINCT FROM new.*))%%')
           AS is_limited,
       g.tgconstraint <> 0 AS is_constraint, parent.tgenabled::text AS parent
FROM pg_class t
JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
LEFT JOIN pg_trigger parent ON parent.oid = g.tgparentid
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p')
ORDER BY g.tgrelid, g.tgname
"""

# The sequences in the audited schemas, and those that columns there use. `last` is NULL if this
# role may not read it, or if nobody has used the sequence. `column` owns the sequence, or takes its
# default from it.
SEQUENCES = f"""
SELECT c.oid::regclass::text AS identity, n.nspname::text AS schema, c.relname::text AS name,
       pg_get_userbyid(c.relowner)::text AS owner,
       here.is_audited AND NOT EXISTS (
           SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
           AND d.objid = c.oid AND d.deptype IN ('a', 'i')) AS is_separate,
       here.is_audited AND NOT EXISTS (
           SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
           AND d.objid = c.oid AND d.deptype = 'i')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid <> 'pg_class'::regclass
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
           AS is_loose,
       s.seqcycle AS cycles, s.seqincrement > 0 AS is_ascending, s.seqmin AS lowest,
       s.seqmax AS highest,
       CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE')
                 AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
            THEN pg_sequence_last_value(c.oid) END AS last,
       a.attrelid AS table, a.attname::text AS column
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_sequence s ON s.seqrelid = c.oid
CROSS JOIN LATERAL (SELECT c.relnamespace = ANY(%(schemas)s) AS is_audited) here
LEFT JOIN LATERAL (
    SELECT a.* FROM (
        SELECT d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
      UNION ALL
        SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
        WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = c.oid
    ) AS used JOIN pg_attribute a ON a.attrelid = used.relation AND a.attnum = used.number
    -- Of several columns, the narrowest is full first.
    ORDER BY a.attlen LIMIT 1
) AS a ON true
LEFT JOIN pg_class t ON t.oid = a.attrelid
WHERE (here.is_audited OR t.relnamespace = ANY(%(schemas)s))
  AND {not_of_extension("'pg_class'", "c.oid")}
ORDER BY n.nspname, c.relname
"""

# Enums, domains, ranges and separate composite types. The row type of a table belongs to the table;
# an array or multirange type belongs to its element or range type.
TYPES = f"""
SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END AS kind, n.nspname::text AS schema,
       t.typname::text AS name, pg_get_userbyid(t.typowner)::text AS owner
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = ANY(%(schemas)s)
  AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
  AND {not_of_extension("'pg_type'", "t.oid")}
ORDER BY n.nspname, t.typname
"""
