"""The queries about privileges, what is not enforced, statistics, and the state of the server.

As in `queries`, `schemas` are the oids of the audited schemas. {enforced} is a column of PostgreSQL
18.
"""

# Roles with CREATE on a schema, without superusers and owners, who may create objects anyway.
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

# Roles with REFERENCES or TRIGGER on a table or on one of its columns, without superusers and
# owners.
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

# From PostgreSQL 18 on, NOT NULL is a constraint too. That of a domain has no column.
UNCHECKED = """
SELECT con.conrelid AS table,
       coalesce(nullif(con.conrelid, 0)::regclass::text, con.contypid::regtype::text) AS owner,
       con.conname::text AS name, con.contype = 'n' AS is_not_null, con.conkey[1] AS column,
       con.coninhcount > 0 OR con.conparentid <> 0 AS is_inherited
FROM pg_constraint con
LEFT JOIN pg_class t ON t.oid = con.conrelid
LEFT JOIN pg_type d ON d.oid = con.contypid
WHERE coalesce(t.relnamespace, d.typnamespace) = ANY(%(schemas)s)
  AND con.contype IN ('c', 'n') AND NOT con.convalidated AND {enforced}
ORDER BY con.oid
"""

# Names of tables and functions that depend on a search_path: all names except PostgreSQL's own.
NAMES = """
SELECT ARRAY(
    SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
      AND n.nspname !~ '^pg_temp' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), ARRAY(
    SELECT p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
)
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

# Text columns whose values in the statistics are all UUIDs. Also those with the name or the length
# of a UUID, if none of the values is one, with or without hyphens.
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

# The database's own collation (oid 100), and those that an index uses.
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

# A partitioned table counts as its partitions, because rows are written to these.
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
