"""Drift and tuning: the rules alone; what finds it is in `veza_core.schema.audit.drift`."""

from veza_core.schema.audit.rule import Rule, Severity

DRIFT = Rule(
    id="drift",
    group="drift",
    title="Change that no migration made",
    severity=Severity.ERROR,
    reason="What was changed by hand on one database is missing from all others, and from the next "
    "one that is made: the services then meet schemas that differ.",
    remedy="Undo it by hand, or make it the migrations' own and write `schema/` again "
    "(`make schema`).",
    bad="ALTER TABLE public.users ALTER COLUMN token_version SET DEFAULT 1;",
    good="-- Whatever a migration makes, and schema/catalog.json records.",
    example="public.users.token_version (default)",
    check=None,
)

TUNING = Rule(
    id="tuning",
    group="drift",
    title="Setting of storage, statistics or replication that no migration made",
    severity=Severity.WARNING,
    reason="A fill factor, a table's autovacuum, a column's statistics target, CREATE STATISTICS, "
    "REPLICA IDENTITY or a GIN index's fastupdate may be right for this server's data, and changes "
    "no answer. But a database that is made again does not have it.",
    remedy="Keep it, with an exception that says why, or let a migration make it for all.",
    bad="ALTER TABLE public.users SET (fillfactor = 90);",
    good="-- Whatever a migration makes, and schema/catalog.json records.",
    example="public.users (options)",
    check=None,
)
