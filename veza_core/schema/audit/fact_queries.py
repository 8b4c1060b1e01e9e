"""More queries of the catalog: what is not enforced, privileges, and what is nearly full.

As in `queries`, `schemas` are the oids of the audited schemas. {enforced} is a column of PostgreSQL
18.
"""

from veza_core.db.extensions import not_of_extension

# A constraint that a partition inherits is reported only if the parent's own is enforced.
UNENFORCED = """
WITH disabled AS (
    SELECT tgconstraint AS oid, array_agg(DISTINCT tgrelid::regclass::text) AS tables
    FROM pg_trigger WHERE tgisinternal AND tgconstraint <> 0 AND tgenabled IN ('D', 'R')
    GROUP BY tgconstraint
)
SELECT con.conrelid, con.conname::text, coalesce(d.tables, '{{}}')
FROM pg_class t
JOIN pg_constraint con ON con.conrelid = t.oid
LEFT JOIN disabled d ON d.oid = con.oid
WHERE t.relnamespace = ANY(%(schemas)s)
  AND (d.oid IS NOT NULL OR (con.contype = 'c' AND con.coninhcount = 0 AND NOT {enforced}))
  AND con.conparentid NOT IN (SELECT oid FROM disabled)
ORDER BY con.oid
"""

# NOT NULL is a constraint from PostgreSQL 18 on, also on a domain.
UNCHECKED = """
SELECT con.conrelid, coalesce(nullif(con.conrelid, 0)::regclass::text, con.contypid::regtype::text),
       con.conname::text, con.contype = 'n', con.conrelid = 0
FROM pg_constraint con
LEFT JOIN pg_class t ON t.oid = con.conrelid
LEFT JOIN pg_type d ON d.oid = con.contypid
WHERE coalesce(t.relnamespace, d.typnamespace) = ANY(%(schemas)s)
  AND con.contype IN ('c', 'n') AND NOT con.convalidated AND {enforced}
  AND con.coninhcount = 0 AND con.conparentid = 0
ORDER BY con.oid
"""

# Functions that CREATE OR REPLACE can change; the last column says what runs them without a call.
ROUTINES = f"""
SELECT n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid), p.prosecdef,
       (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0
                                    AND a.privilege_type = 'EXECUTE'))
       AND EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0
                   AND a.privilege_type = 'USAGE')
       AND p.prorettype <> 'event_trigger'::regtype,
       EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%%')
       OR p.prosqlbody IS NOT NULL,
       coalesce((SELECT substr(s, 13) FROM unnest(p.proconfig) s
                 WHERE s LIKE 'search_path=%%'), ''),
       coalesce(p.prosrc, ''),
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
           WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid), '')
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = ANY(%(schemas)s) AND p.prokind IN ('f', 'p')
  AND l.lanname NOT IN ('c', 'internal')
  AND {not_of_extension("'pg_proc'", "p.oid")}
ORDER BY n.nspname, p.proname, p.oid
"""

# Names that depend on a search_path: all names except PostgreSQL's own.
NAMES = """
SELECT c.relname::text, false FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_temp'
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION
SELECT p.proname::text, true FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

ROW_SECURITY = """
SELECT c.oid, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid), c.relrowsecurity,
       c.relforcerowsecurity
FROM pg_class c
WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
"""

# The value is NULL if this role may not read it, or if nobody has used the sequence. The column is
# the one that owns the sequence, or takes its default from it.
SEQUENCES = f"""
SELECT c.oid::regclass::text, s.seqincrement > 0, s.seqmin, s.seqmax,
       CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE')
                 AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
            THEN pg_sequence_last_value(c.oid) END,
       a.attrelid, a.attname::text
FROM pg_class c
JOIN pg_sequence s ON s.seqrelid = c.oid AND NOT s.seqcycle
LEFT JOIN LATERAL (
    SELECT a.* FROM (
        SELECT d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
      UNION ALL
        SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
        WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = c.oid
    ) AS used JOIN pg_attribute a ON a.attrelid = used.relation AND a.attnum = used.number
    -- The narrowest is full first.
    ORDER BY a.attlen LIMIT 1
) AS a ON true
LEFT JOIN pg_class t ON t.oid = a.attrelid
WHERE (c.relnamespace = ANY(%(schemas)s) OR t.relnamespace = ANY(%(schemas)s))
  AND {not_of_extension("'pg_class'", "c.oid")}
ORDER BY 1
"""

_ANALYZED = "greatest(u.last_analyze, u.last_autoanalyze)"

# Integer columns of keys, by statistics, which only roles with access to the column can see.
# Partitioned tables come before their partitions.
INTEGERS = f"""
WITH RECURSIVE short AS (
    SELECT unnest('{{int2, int4}}'::regtype[])::oid AS type
  UNION ALL
    SELECT t.oid FROM short JOIN pg_type t ON t.typtype = 'd' AND t.typbasetype = short.type
)
SELECT c.oid, a.attname::text, {_ANALYZED},
       (SELECT max(v) FROM unnest(st.histogram_bounds::text::bigint[]
                                  || st.most_common_vals::text::bigint[]) AS v)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
                   AND a.atttypid IN (SELECT type FROM short)
JOIN pg_stats st ON st.schemaname = n.nspname AND st.tablename = c.relname
                AND st.attname = a.attname AND st.inherited = (c.relkind = 'p')
LEFT JOIN pg_stat_all_tables u ON u.relid = c.oid
WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_constraint con WHERE con.conrelid = c.oid
              AND con.contype IN ('p', 'f') AND a.attnum = ANY(con.conkey))
ORDER BY c.relispartition, c.relkind = 'r', c.oid, a.attnum
"""

# Text columns whose known values are all UUIDs, with or without hyphens; and those that look like
# UUIDs only by their name or length.
UUID_TEXTS = f"""
SELECT c.oid, a.attname::text, {_ANALYZED}, known.all_fit
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid IN (25, 1042, 1043) AND NOT a.attisdropped
JOIN pg_stats st ON st.schemaname = n.nspname AND st.tablename = c.relname
                AND st.attname = a.attname AND st.inherited = (c.relkind = 'p')
LEFT JOIN pg_stat_all_tables u ON u.relid = c.oid
CROSS JOIN LATERAL (
    SELECT bool_and(v ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$') AS all_fit,
           bool_or(v ~* '^[{{]?([0-9a-f]-?){{32}}[}}]?$') AS some_fit
    FROM unnest(st.histogram_bounds::text::text[] || st.most_common_vals::text::text[]) AS v
) AS known
WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind IN ('r', 'p')
  AND (known.all_fit OR (NOT known.some_fit AND (a.attname ~* '(^|_)[ug]uid$' OR a.atttypmod = 40)))
ORDER BY c.oid, a.attnum
"""

EXTENSIONS = """
SELECT e.extname::text, e.extversion, a.default_version
FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname
WHERE e.extversion <> a.default_version
  AND EXISTS (SELECT FROM pg_extension_update_paths(e.extname) p
              WHERE p.source = e.extversion AND p.target = a.default_version
                AND p.path IS NOT NULL)
ORDER BY 1
"""

# Collations that an index uses. The database's own is 100, `default`.
COLLATIONS = """
SELECT used.name, used.recorded, used.actual,
       (SELECT count(*) FROM pg_index i WHERE used.oid = ANY(i.indcollation))
FROM (
    SELECT 100::oid AS oid, NULL AS name, datcollversion AS recorded,
           pg_database_collation_actual_version(oid) AS actual
    FROM pg_database WHERE datname = current_database()
  UNION ALL
    SELECT c.oid, c.oid::regcollation::text, c.collversion, pg_collation_actual_version(c.oid)
    FROM pg_collation c
    WHERE c.collversion IS NOT NULL
      AND c.oid IN (SELECT unnest(indcollation::oid[]) FROM pg_index)
) AS used
WHERE used.recorded <> used.actual
ORDER BY 1 NULLS FIRST
"""

# For a partitioned table: its partitions, because these are written.
WITHOUT_IDENTITY = """
SELECT c.oid::regclass::text, string_agg(DISTINCT p.pubname::text, ', ')
FROM pg_publication p
CROSS JOIN LATERAL pg_get_publication_tables(p.pubname) AS t
JOIN pg_class parent ON parent.oid = t.relid
CROSS JOIN LATERAL (
    SELECT parent.oid WHERE parent.relkind <> 'p'
  UNION ALL
    SELECT tree.relid FROM pg_partition_tree(parent.oid) tree
    WHERE parent.relkind = 'p' AND tree.isleaf
) AS leaf (oid)
JOIN pg_class c ON c.oid = leaf.oid
WHERE (p.pubupdate OR p.pubdelete) AND parent.relnamespace = ANY(%(schemas)s)
  AND (c.relreplident = 'n'
       OR (c.relreplident = 'd' AND NOT EXISTS (
               SELECT FROM pg_index i
               WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate))
       OR (c.relreplident = 'i' AND NOT EXISTS (
               SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)))
GROUP BY c.oid
ORDER BY 1
"""
