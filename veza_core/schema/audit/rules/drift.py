"""Drift and tuning: the rules alone; what finds it is in `veza_core.schema.audit.drift`."""

from veza_core.schema.audit.rule import Rule, Severity

DRIFT = Rule(
    id="drift",
    group="drift",
    title="Change without a migration",
    severity=Severity.ERROR,
    reason="A change by hand on one database is missing in all others, also in new ones: services "
    "then meet different schemas.",
    remedy="Undo it by hand, or write a migration for it and update `schema/` (`make schema`).",
    bad="ALTER TABLE public.users ALTER COLUMN token_version SET DEFAULT 1;",
    good="-- Whatever a migration makes, and schema/catalog.json records.",
    example="public.users.token_version (default)",
    check=None,
)

TUNING = Rule(
    id="tuning",
    group="drift",
    title="Setting of storage, statistics or replication without a migration",
    severity=Severity.WARNING,
    reason="A fill factor, a table's autovacuum, a column's statistics target, CREATE STATISTICS, "
    "REPLICA IDENTITY or a GIN index's fastupdate may be right for this server's data, and "
    "changes no result. But a newly created database does not have it.",
    remedy="Keep it, with an exception that says why, or set it for all databases with a "
    "migration.",
    bad="ALTER TABLE public.users SET (fillfactor = 90);",
    good="-- Whatever a migration makes, and schema/catalog.json records.",
    example="public.users (options)",
    check=None,
)
