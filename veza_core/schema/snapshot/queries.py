"""The catalog queries of a snapshot: one for each kind of object, for PostgreSQL 15 and newer.

A row's `parent` (a table or view) and `name` identify the object. Every other column is one of its
properties; NULL means the default. Objects of extensions are left out. Functions and catalogs have
no schema in the text, because the search path is `pg_catalog`.
"""

from veza_core.db.extensions import not_of_extension
from veza_core.db.operations import LEGACY_EXTENSIONS
from veza_core.db.schema_version import VERSION
from veza_core.schema.options import (
    ATTRIBUTE,
    INDEX,
    OPERATOR_CLASS,
    RELATION,
    TOAST,
    documented,
    known_settings,
    undocumented,
)

_PUBLIC = "(SELECT oid FROM pg_namespace WHERE nspname = 'public')"


#: The tables and views of `public`, which have columns, constraints and so on.
_RELATIONS = f"""relations AS MATERIALIZED (
    SELECT c.* FROM pg_class c
    WHERE relnamespace = {_PUBLIC} AND relkind IN ('r', 'p', 'f', 'v', 'm')
        AND {not_of_extension("'pg_class'", "c.oid")})"""

# Of `public` itself, only the version: the rest of its comment, its owner and its grants are the
# server's.
SCHEMAS = f"""
SELECT nspname AS name, {VERSION} AS version FROM pg_namespace WHERE nspname = 'public'"""

# If the server does not have a legacy extension, migration 001 leaves it out. So it counts as
# installed there. Versions differ between servers, and are not part of the schema.
EXTENSIONS = f"""
SELECT extname AS name, nspname AS schema
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE nspname <> 'pg_catalog'
UNION ALL
SELECT legacy, 'public' FROM unnest(ARRAY{list(LEGACY_EXTENSIONS)}) AS legacy
WHERE legacy NOT IN (SELECT name FROM pg_available_extensions)"""

TYPES = f"""
SELECT typname AS name,
    CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
        WHEN 'r' THEN 'range' ELSE 'base' END AS kind,
    (SELECT array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_enum WHERE enumtypid = t.oid) AS values,
    CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod)
        WHEN 'r' THEN (SELECT format_type(rngsubtype, NULL) FROM pg_range
            WHERE rngtypid = t.oid) END AS type,
    CASE WHEN typnotnull THEN 'NOT NULL' END AS nullability,
    COALESCE(pg_get_expr(typdefaultbin, 0, true), typdefault) AS default,
    (SELECT array_agg(concat_ws(' ', conname, pg_get_constraintdef(oid, true))
        ORDER BY conname) FROM pg_constraint
        WHERE contypid = t.oid AND contype = 'c') AS checks,
    (SELECT array_agg(format('%I %s', attname, format_type(atttypid, atttypmod))
        ORDER BY attnum) FROM pg_attribute
        WHERE typtype = 'c' AND attrelid = typrelid AND attnum > 0 AND NOT attisdropped)
        AS attributes,
    obj_description(t.oid, 'pg_type') AS comment
FROM pg_type t
WHERE typnamespace = {_PUBLIC} AND typtype <> 'm'
    AND (typrelid = 0 OR (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c')
    AND NOT EXISTS (SELECT FROM pg_type WHERE typarray = t.oid)
    AND {not_of_extension("'pg_type'", "t.oid")}"""

# Cost and rows only if they differ from the defaults of CREATE FUNCTION. The constructors of a
# range belong to its type (an internal dependency).
FUNCTIONS = f"""
SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name,
    CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window' END
        AS kind,
    NULLIF(pg_get_function_arguments(p.oid), '') AS arguments,
    pg_get_function_result(p.oid) AS returns,
    lanname AS language,
    NULLIF(concat_ws(' ',
        CASE provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' END,
        CASE WHEN proleakproof THEN 'LEAKPROOF' END,
        CASE WHEN proisstrict THEN 'STRICT' END,
        CASE WHEN prosecdef THEN 'SECURITY DEFINER' END,
        CASE proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' END,
        CASE WHEN procost <> CASE WHEN lanname IN ('c', 'internal') THEN 1 ELSE 100 END
            THEN 'COST ' || procost END,
        CASE WHEN prorows NOT IN (0, 1000) THEN 'ROWS ' || prorows END), '') AS attributes,
    {known_settings("proconfig")} AS settings,
    CASE prokind WHEN 'a' THEN (
        SELECT concat_ws(' ', aggtransfn, format_type(aggtranstype, NULL),
            NULLIF(aggfinalfn::oid, 0)::regproc, agginitval)
        FROM pg_aggregate WHERE aggfnoid = p.oid)
        ELSE concat_ws(', ', probin,
            COALESCE(pg_get_function_sqlbody(p.oid), prosrc)) END AS body,
    obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = {_PUBLIC} AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid
        AND deptype IN ('e', 'i'))"""

SEQUENCES = f"""
SELECT relname AS name, format_type(seqtypid, NULL) AS type,
    format('start %s, increment %s, minimum %s, maximum %s, cache %s%s', seqstart,
        seqincrement, seqmin, seqmax, seqcache, CASE WHEN seqcycle THEN ', cycle' END) AS values,
    (SELECT format('%s.%s', refobjid::regclass, attname)
        FROM pg_depend JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i'))
        AS "owned by",
    obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c JOIN pg_sequence ON seqrelid = c.oid
WHERE relnamespace = {_PUBLIC} AND {not_of_extension("'pg_class'", "c.oid")}"""

# Owner, privileges and tablespace belong to the server, not to the schema. PostgreSQL 15 and 16
# spell only the definition of a view differently, and V1 has no view.
RELATIONS = f"""
WITH {_RELATIONS}
SELECT relname AS name,
    CASE relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' END AS kind,
    CASE relpersistence WHEN 'u' THEN 'unlogged' END AS persistence,
    CASE WHEN relkind IN ('v', 'm') THEN ltrim(pg_get_viewdef(c.oid, true)) END AS definition,
    pg_get_partkeydef(c.oid) AS "partition key",
    pg_get_expr(relpartbound, c.oid, true) AS "partition bound",
    (SELECT array_agg(inhparent::regclass::text ORDER BY inhseqno)
        FROM pg_inherits WHERE inhrelid = c.oid) AS inherits,
    NULLIF(reloftype, 0)::regtype::text AS "of type",
    NULLIF(amname, 'heap') AS "access method",
    {documented("c.reloptions", RELATION)} AS options,
    {documented("(SELECT reloptions FROM pg_class WHERE oid = c.reltoastrelid)", TOAST, "toast.")}
        AS "toast options",
    srvname AS server,
    ftoptions AS "server's options",
    CASE WHEN relforcerowsecurity THEN 'forced' WHEN relrowsecurity THEN 'enabled' END
        AS "row security",
    CASE relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END
        AS "replica identity",
    obj_description(c.oid, 'pg_class') AS comment
FROM relations c
LEFT JOIN pg_am ON pg_am.oid = relam
LEFT JOIN pg_foreign_table ON ftrelid = c.oid
LEFT JOIN pg_foreign_server s ON s.oid = ftserver"""

# PostgreSQL 18 stores NOT NULL as constraints, which may be NOT VALID: some rows may then violate
# them. Earlier servers only have attnotnull.
COLUMNS = f"""
WITH {_RELATIONS}
SELECT relname AS parent, attname AS name,
    format_type(atttypid, atttypmod) AS type,
    CASE WHEN convalidated = false THEN 'NOT NULL NOT VALID'
        WHEN attnotnull THEN 'NOT NULL' END AS nullability,
    CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid, true) END AS default,
    CASE attgenerated WHEN 's' THEN pg_get_expr(adbin, adrelid, true) || ' STORED'
        WHEN 'v' THEN pg_get_expr(adbin, adrelid, true) || ' VIRTUAL' END AS generated,
    CASE attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END AS identity,
    CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END AS collation,
    CASE WHEN attstorage <> typstorage THEN CASE attstorage WHEN 'p' THEN 'PLAIN'
        WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' WHEN 'm' THEN 'MAIN' END END AS storage,
    CASE attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
    CASE WHEN attstattarget >= 0 THEN attstattarget::text END AS statistics,
    {documented("attoptions", ATTRIBUTE)} AS options,
    col_description(attrelid, attnum) AS comment
FROM relations c
JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type t ON t.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
LEFT JOIN pg_constraint ON conrelid = attrelid AND contype = 'n' AND conkey[1] = attnum
ORDER BY attrelid, attnum"""

#: Parts of the definition of index `i` that no user sets: options, and the names of operator
#: classes with such options. `_rows` removes them from `definition`; they are not properties.
_HIDDEN = f"""
    NULLIF(COALESCE({undocumented("i.reloptions", INDEX)}, '{{}}') || ARRAY(
        SELECT unnest({undocumented("attoptions", OPERATOR_CLASS)})
        FROM pg_attribute WHERE attrelid = i.oid), '{{}}') AS hidden,
    ARRAY(SELECT opcname::text FROM pg_index JOIN pg_opclass o ON o.oid = ANY(indclass)
        WHERE indexrelid = i.oid AND opcdefault) AS classes"""

# A foreign key whose own triggers are disabled (ALTER TABLE … DISABLE TRIGGER ALL) checks nothing.
CONSTRAINTS = f"""
WITH {_RELATIONS}, disabled AS (
    SELECT DISTINCT tgconstraint FROM pg_trigger
    WHERE tgisinternal AND tgenabled = 'D' AND tgconstraint <> 0)
SELECT c.relname AS parent, conname AS name,
    pg_get_constraintdef(con.oid, true) AS definition,
    {documented("i.reloptions", INDEX)} AS options,
    {_HIDDEN},
    CASE WHEN tgconstraint IS NOT NULL THEN 'disabled' END AS enforcement,
    obj_description(con.oid, 'pg_constraint') AS comment,
    obj_description(i.oid, 'pg_class') AS "comment of its index"
FROM relations c
JOIN pg_constraint con ON conrelid = c.oid AND contype IN ('p', 'u', 'f', 'c', 'x')
LEFT JOIN pg_class i ON i.oid = conindid AND contype <> 'f'
LEFT JOIN disabled ON tgconstraint = con.oid"""

# Indexes of constraints are part of the constraint.
INDEXES = f"""
WITH {_RELATIONS}
SELECT c.relname AS parent, i.relname AS name,
    pg_get_indexdef(indexrelid, 0, true) AS definition,
    {_HIDDEN},
    CASE WHEN NOT (indisvalid AND indisready AND indislive) THEN 'invalid' END AS validity,
    obj_description(indexrelid, 'pg_class') AS comment
FROM relations c
JOIN pg_index ON indrelid = c.oid
JOIN pg_class i ON i.oid = indexrelid
WHERE indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))"""

TRIGGERS = f"""
WITH {_RELATIONS}
SELECT relname AS parent, tgname AS name,
    pg_get_triggerdef(t.oid, true) AS definition,
    CASE tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica only' WHEN 'A' THEN 'always'
        END AS state,
    obj_description(t.oid, 'pg_trigger') AS comment
FROM relations c JOIN pg_trigger t ON tgrelid = c.oid AND NOT tgisinternal"""

POLICIES = f"""
WITH {_RELATIONS}
SELECT relname AS parent, polname AS name,
    concat_ws(' ',
        CASE WHEN NOT polpermissive THEN 'AS RESTRICTIVE' END,
        'FOR ' || CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
            WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'TO ' || (SELECT string_agg(CASE WHEN role = 0 THEN 'public' ELSE role::regrole::text END,
            ', ' ORDER BY role::regrole::text) FROM unnest(polroles) AS role),
        'USING (' || pg_get_expr(polqual, polrelid, true) || ')',
        'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid, true) || ')') AS definition,
    obj_description(p.oid, 'pg_policy') AS comment
FROM relations c JOIN pg_policy p ON polrelid = c.oid"""

RULES = f"""
WITH {_RELATIONS}
SELECT relname AS parent, rulename AS name,
    pg_get_ruledef(r.oid, true) AS definition,
    CASE ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica only' WHEN 'A' THEN 'always'
        END AS state,
    obj_description(r.oid, 'pg_rewrite') AS comment
FROM relations c JOIN pg_rewrite r ON ev_class = c.oid AND rulename <> '_RETURN'"""

# Rare objects, of which only the names are read: operators, collations, text search, statistics.
OTHERS = f"""
WITH others AS (
    SELECT 'pg_operator'::regclass AS catalog, oid FROM pg_operator WHERE oprnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_opclass', oid FROM pg_opclass WHERE opcnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_opfamily', oid FROM pg_opfamily WHERE opfnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_collation', oid FROM pg_collation WHERE collnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_conversion', oid FROM pg_conversion WHERE connamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_ts_config', oid FROM pg_ts_config WHERE cfgnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_ts_dict', oid FROM pg_ts_dict WHERE dictnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_ts_parser', oid FROM pg_ts_parser WHERE prsnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_ts_template', oid FROM pg_ts_template WHERE tmplnamespace = {_PUBLIC}
    UNION ALL SELECT 'pg_statistic_ext', oid FROM pg_statistic_ext WHERE stxnamespace = {_PUBLIC})
SELECT concat_ws(' ', type, identity) AS name,
    CASE catalog WHEN 'pg_statistic_ext'::regclass THEN pg_get_statisticsobjdef(o.oid) END
        AS definition,
    obj_description(o.oid, catalog::text) AS comment
FROM others o CROSS JOIN pg_identify_object(catalog, o.oid, 0)
WHERE {not_of_extension("catalog", "o.oid")}"""
