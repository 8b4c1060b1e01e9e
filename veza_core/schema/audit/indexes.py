"""The queries about indexes, and how a row of their result becomes an `Index`."""

from typing import Any

import psycopg

from veza_core.db.session import set_locally
from veza_core.schema.audit.catalog import BrokenIndex, Catalog
from veza_core.schema.audit.objects import Index, OperatorClass, Table
from veza_core.schema.audit.session import SETTINGS

# A session that builds or drops an index concurrently holds a SHARE UPDATE EXCLUSIVE lock on the
# table until the end. Every role can see this lock; pg_stat_progress_create_index hides the work of
# other roles. VACUUM and ANALYZE hold it too, and do not count. A standby cannot see the locks of
# the primary.
_IN_PROGRESS = """NOT i.indisvalid AND c.relkind <> 'I' AND (
           pg_is_in_recovery() OR EXISTS (
               SELECT FROM pg_locks l
               WHERE l.locktype = 'relation' AND l.relation = i.indrelid
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid()
                 AND l.pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum UNION ALL
                                   SELECT pid FROM pg_stat_progress_analyze)))"""

# A key of 0 is an expression.
INDEXES = f"""
SELECT i.indrelid AS relation, i.indkey::int2[] AS numbers, i.indnkeyatts AS key_count,
       i.indclass::oid[] AS class_oids, i.indcollation::oid[] AS collations,
       i.indoption::int2[] AS options,
       CASE WHEN i.indexprs IS NOT NULL THEN
           ARRAY(SELECT CASE WHEN i.indkey[k] = 0 THEN pg_get_indexdef(i.indexrelid, k + 1, false)
                        END FROM generate_series(0, i.indnkeyatts - 1) k ORDER BY k) END
           AS expressions,
       CASE WHEN i.indexprs IS NOT NULL THEN
           ARRAY(SELECT DISTINCT d.refobjsubid FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                   AND d.refobjsubid > 0 ORDER BY 1) END AS expression_numbers,
       i.indexrelid AS oid, c.relname::text AS name, am.amname::text AS method,
       pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indisexclusion AS is_exclusion,
       i.indisvalid AND i.indisready AND i.indislive AS is_usable,
       i.indisclustered OR i.indisreplident
       OR i.indexrelid IN (SELECT conindid FROM pg_constraint WHERE contype = 'f') AS is_bound,
       i.indnullsnotdistinct AS nulls_not_distinct,
       parent.inhrelid IS NOT NULL AS is_attached,
       {_IN_PROGRESS} AS may_be_in_progress,
       con.conname::text AS constraint, NOT i.indimmediate AS is_deferrable,
       (SELECT description FROM pg_description WHERE objsubid = 0 AND objoid = CASE
            WHEN con.oid IS NULL THEN i.indexrelid ELSE con.oid END
            AND classoid = CASE WHEN con.oid IS NULL THEN 'pg_class'::regclass
                                ELSE 'pg_constraint'::regclass END) AS comment
FROM pg_class t
JOIN pg_index i ON i.indrelid = t.oid
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_inherits parent ON parent.inhrelid = i.indexrelid
LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid
                           AND con.contype IN ('p', 'u', 'x')
WHERE (t.relnamespace = ANY(%(schemas)s) OR t.oid = ANY(%(elsewhere)s))
  AND t.relkind IN ('r', 'p')
ORDER BY i.indexrelid
"""

# A TOAST table belongs to the table whose long values it stores.
BROKEN_INDEXES = f"""
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name,
       owner.oid::regclass::text AS owner, t.relkind = 't' AS is_toast,
       {_IN_PROGRESS} AS may_be_in_progress
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = i.indrelid AND t.relkind IN ('m', 't')
JOIN pg_class owner ON t.oid IN (owner.oid, owner.reltoastrelid)
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
  AND owner.relkind IN ('r', 'm') AND owner.relnamespace = ANY(%(schemas)s)
ORDER BY n.nspname, c.relname
"""

# Invalid indexes on which somebody may be working.
IN_PROGRESS = f"""
SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indexrelid = ANY(%(indexes)s) AND {_IN_PROGRESS}
"""

STILL_INVALID = """
SELECT indexrelid FROM pg_index
WHERE indexrelid = ANY(%(indexes)s) AND NOT (indisvalid AND indisready AND indislive)
"""

# Each operator class, with the `=` operators that an index of it supports.
OPERATOR_CLASSES = """
SELECT c.oid, c.opcname::text, c.opcdefault,
       ARRAY(SELECT a.amopopr FROM pg_amop a JOIN pg_operator o ON o.oid = a.amopopr
             WHERE a.amopfamily = c.opcfamily AND a.amoppurpose = 's' AND o.oprname = '=')
FROM pg_opclass c
"""


def index_of(
    row: dict[str, Any],
    table: Table,
    names: dict[int, str],
    known_classes: dict[int, OperatorClass],
) -> Index:
    """Return the index of `table` for a row of `INDEXES`.

    `names` has the table's columns by number, `known_classes` the operator classes by their oid.
    """
    count = row.pop("key_count")
    columns = [names.get(number) for number in row.pop("numbers")]
    keys = tuple(columns[:count])
    expressions = tuple(row.pop("expressions") or (None,) * count)
    classes = tuple(known_classes[oid] for oid in row.pop("class_oids")[:count])
    collations, options = (tuple(row.pop(name)[:count]) for name in ("collations", "options"))
    return Index(
        table=table,
        keys=keys,
        included=tuple(name for name in columns[count:] if name is not None),
        expressions=expressions,
        expression_columns=tuple(names[each] for each in row.pop("expression_numbers") or ()),
        classes=classes,
        collations=collations,
        options=options,
        elements=tuple(zip(keys, expressions, classes, collations, options, strict=True)),
        **row,
    )


def mark_work_in_progress(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Mark the indexes that are invalid only because another session builds or drops them.

    The session may have ended after the catalog was read: then it left a valid index, or none. So
    this asks twice, each time in a new transaction: first which locks are held, then which indexes
    are still invalid. Takes a connection without a transaction in progress.
    """
    indexes: list[Index | BrokenIndex] = [*catalog.broken_indexes]
    for table in catalog.all_tables:
        indexes += [index for index in table.indexes if not index.is_usable]
    if not indexes:
        return
    parameters = {"indexes": [index.oid for index in indexes]}
    certain: list[set[int]] = []
    for question in (IN_PROGRESS, STILL_INVALID):
        with connection.transaction():
            set_locally(connection, SETTINGS)
            certain.append({oid for (oid,) in connection.execute(question, parameters)})
    in_progress, invalid = certain
    for index in indexes:
        if index.oid in in_progress or index.oid not in invalid:
            index.may_be_in_progress = True
