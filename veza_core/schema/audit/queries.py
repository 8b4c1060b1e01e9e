"""The queries of pg_catalog: one for each kind of object, and none for a single table.

All of them take `schemas`, the oids of the audited schemas, and leave out objects of extensions
(pg_depend, deptype 'e').
"""

from veza_core.db.extensions import not_of_extension
from veza_core.db.schema_version import VERSION
from veza_core.schema.options import known_settings

DATABASE = f"""
SELECT current_database()::text, current_user::text,
       host(inet_server_addr()), coalesce(inet_server_port(), current_setting('port')::int),
       {VERSION},
       ARRAY(SELECT extname::text FROM pg_extension),
       ARRAY(SELECT name::text FROM pg_available_extensions),
       (SELECT setting = boot_val AND source IN ('default', 'session')
        FROM pg_settings WHERE name = 'random_page_cost')
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

# Roles that may create objects there, without those that have this privilege anyway.
CREATORS = """
SELECT n.nspname::text, CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a
WHERE n.oid = ANY(%(schemas)s) AND a.privilege_type = 'CREATE'
    AND a.grantee NOT IN (
        SELECT oid FROM pg_roles WHERE rolsuper
        UNION ALL SELECT nspowner FROM pg_namespace WHERE oid = n.oid OR nspname = 'django'
        UNION ALL SELECT datdba FROM pg_database WHERE datname = current_database()
    )
ORDER BY 1, 2 NULLS FIRST
"""

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
SELECT l.domain, l.base, l.modifier, l.not_null,
       coalesce(pg_get_expr(d.typdefaultbin, 0), d.typdefault), l.has_checks
FROM layers l
JOIN pg_type b ON b.oid = l.base AND b.typtype <> 'd'
JOIN pg_type d ON d.oid = l.domain
"""

ATTACHERS = """
SELECT n.nspname::text, c.relname::text,
    CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END,
    array_agg(DISTINCT a.privilege_type ORDER BY a.privilege_type)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT * FROM aclexplode(c.relacl)
        UNION ALL SELECT of_column.* FROM pg_attribute
            CROSS JOIN LATERAL aclexplode(attacl) AS of_column WHERE attrelid = c.oid
    ) a
WHERE n.oid = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
    AND a.privilege_type IN ('REFERENCES', 'TRIGGER')
    AND a.grantee NOT IN (
        SELECT oid FROM pg_roles WHERE rolsuper
        UNION ALL SELECT c.relowner UNION ALL SELECT n.nspowner
        UNION ALL SELECT datdba FROM pg_database WHERE datname = current_database()
    )
GROUP BY n.nspname, c.relname, a.grantee
ORDER BY 1, 2, 3 NULLS FIRST
"""

# Kinds: r table, p partitioned table, v view, m materialized view, f foreign table.
RELATIONS = f"""
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
       pg_get_userbyid(c.relowner)::text,
       EXISTS (SELECT FROM pg_description d
               WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0),
       coalesce(p.partattrs::int2[], '{{}}'), c.relpersistence = 'u', c.reloftype <> 0
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
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attnotnull,
       a.attidentity::text, a.attgenerated::text, a.attinhcount = 0,
       pg_get_expr(d.adbin, d.adrelid), com.objoid IS NOT NULL
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_description com ON com.objoid = a.attrelid AND com.objsubid = a.attnum
                            AND com.classoid = 'pg_class'::regclass
WHERE (c.relnamespace = ANY(%(schemas)s) OR c.oid = ANY(%(elsewhere)s))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY a.attrelid, a.attnum
"""

# From PostgreSQL 18 on, NOT NULL is a constraint, and may be NOT VALID.
UNCHECKED_NOT_NULLS = """
SELECT con.conrelid, con.conkey[1], con.conname::text
FROM pg_class c JOIN pg_constraint con ON con.conrelid = c.oid
WHERE c.relnamespace = ANY(%(schemas)s) AND con.contype = 'n' AND NOT con.convalidated
"""

# There are few types and many columns.
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
SELECT con.conrelid, con.conname::text, con.contype::text, pg_get_constraintdef(con.oid),
       con.coninhcount > 0 OR con.conparentid <> 0
FROM pg_class t JOIN pg_constraint con ON con.conrelid = t.oid
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p') AND con.contype IN ('c', 'x')
ORDER BY con.oid
"""

# A key that a partition inherits from its parent, or that PostgreSQL keeps for a partition of the
# referenced table, has a conparentid. {enforced} and {period} differ between versions.
FOREIGN_KEYS = """
SELECT con.conrelid, con.conname::text, con.conkey::int2[], con.confrelid, n.nspname::text,
       target.relname::text, con.confkey::int2[],
       con.confdeltype::text, con.confupdtype::text, con.confmatchtype::text,
       coalesce(con.confdelsetcols::int2[], '{{}}'),
       -- A check looks for `$1 = column`, an index for `column = $1`.
       ARRAY(SELECT CASE o.oprcom WHEN 0 THEN o.oid ELSE o.oprcom END
             FROM unnest(con.conpfeqop) WITH ORDINALITY AS used (operator, place)
             JOIN pg_operator o ON o.oid = used.operator ORDER BY place),
       -- By the referring column's collation, or by the other's where that one is not
       -- deterministic (ri_triggers.c, ri_GenerateQualCollation).
       ARRAY(SELECT CASE WHEN c.oid IS NULL OR c.collisdeterministic THEN f.attcollation
                         ELSE p.attcollation END
             FROM unnest(con.conkey, con.confkey) WITH ORDINALITY AS pair (own, other, place)
             JOIN pg_attribute f ON f.attrelid = con.conrelid AND f.attnum = own
             JOIN pg_attribute p ON p.attrelid = con.confrelid AND p.attnum = other
             LEFT JOIN pg_collation c ON c.oid = p.attcollation ORDER BY place),
       con.condeferrable, con.convalidated,
       {enforced}, {period}, con.condeferred,
       (SELECT description FROM pg_description WHERE objoid = con.oid
            AND classoid = 'pg_constraint'::regclass)
FROM pg_class t
JOIN pg_constraint con ON con.conrelid = t.oid
JOIN pg_class target ON target.oid = con.confrelid
JOIN pg_namespace n ON n.oid = target.relnamespace
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p')
  AND con.contype = 'f' AND con.conparentid = 0
ORDER BY con.oid
"""

# What foreign keys refer to: mostly in the audited schemas too, but not always.
REFERENCED_COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod)
FROM (SELECT DISTINCT con.confrelid, number
      FROM pg_class t
      JOIN pg_constraint con ON con.conrelid = t.oid AND con.contype = 'f' AND con.conparentid = 0,
      unnest(con.confkey) AS number
      WHERE t.relnamespace = ANY(%(schemas)s)) AS ref
JOIN pg_attribute a ON a.attrelid = ref.confrelid AND a.attnum = ref.number
"""

# The audited schemas' own functions, and those that their triggers call, in any schema.
FUNCTIONS = f"""
SELECT p.oid, n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid),
       pg_get_userbyid(p.proowner)::text, l.lanname::text, coalesce(p.prosrc, ''),
       coalesce({known_settings("p.proconfig")}, '{{}}'), p.prorettype = 'trigger'::regtype,
       p.pronamespace = ANY(%(schemas)s) AND {not_of_extension("'pg_proc'", "p.oid")}
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = ANY(%(schemas)s)
   OR p.proname = 'update_updated_at_column'
   OR p.oid IN (SELECT g.tgfoid FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
                WHERE t.relnamespace = ANY(%(schemas)s) AND NOT g.tgisinternal)
ORDER BY n.nspname, p.proname, p.oid
"""

# A partition's clone of its parent's trigger is not marked as internal from version 15 on.
TRIGGERS = """
SELECT g.tgrelid, g.tgname::text, g.tgfoid, g.tgargs, g.tgtype, g.tgenabled::text,
       g.tgattr::text <> '' OR (g.tgqual IS NOT NULL
           -- What changes nothing needs no time.
           AND pg_get_triggerdef(g.oid) NOT LIKE '%%WHEN ((old.* IS DISTINCT FROM new.*))%%'),
       g.tgconstraint <> 0, parent.tgenabled::text
FROM pg_class t
JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
LEFT JOIN pg_trigger parent ON parent.oid = g.tgparentid
WHERE t.relnamespace = ANY(%(schemas)s) AND t.relkind IN ('r', 'p')
ORDER BY g.tgrelid, g.tgname
"""

# The last column: nothing uses the sequence.
SEQUENCES = f"""
SELECT n.nspname::text, c.relname::text, pg_get_userbyid(c.relowner)::text,
       NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                   AND d.objid = c.oid AND d.deptype IN ('a', 'i')),
       NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                   AND d.objid = c.oid AND d.deptype = 'i')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid <> 'pg_class'::regclass
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind = 'S'
  AND {not_of_extension("'pg_class'", "c.oid")}
ORDER BY n.nspname, c.relname
"""

# Enums, domains, ranges and separate composite types. A table's row type and an array or multirange
# type belong to the other type.
TYPES = f"""
SELECT n.nspname::text, t.typname::text, t.typtype::text, pg_get_userbyid(t.typowner)::text
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = ANY(%(schemas)s)
  AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
  AND {not_of_extension("'pg_type'", "t.oid")}
ORDER BY n.nspname, t.typname
"""
