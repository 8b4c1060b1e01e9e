"""The rules of drift and tuning. The code that finds it is in `veza_core.schema.audit.drift`."""

from veza_core.schema.audit.rule import Rule, Severity

DRIFT = Rule(
    id="drift",
    group="drift",
    title="Change without a migration",
    severity=Severity.ERROR,
    reason="A manual change of one database is missing in all other databases, and in new ones. "
    "Services then find different schemas.",
    remedy="Undo it manually, or write a migration for it and update `schema/` (`make schema`).",
    bad="ALTER TABLE public.users ALTER COLUMN token_version SET DEFAULT 1;",
    good="-- What a migration creates, and schema/catalog.json records.",
    example="public.users.token_version (default)",
    check=None,
)

TUNING = Rule(
    id="tuning",
    group="drift",
    title="Storage, statistics or replication setting without a migration",
    severity=Severity.WARNING,
    reason="The setting may be right for the data of this server, and changes no result. But a "
    "new database does not have it. Such settings are a fill factor, a table's autovacuum "
    "settings, a column's statistics target, CREATE STATISTICS, REPLICA IDENTITY, or the "
    "fastupdate of a GIN index.",
    remedy="Keep it with an exception that says why, or set it for all databases in a migration.",
    bad="ALTER TABLE public.users SET (fillfactor = 90);",
    good="-- What a migration creates, and schema/catalog.json records.",
    example="public.users (options)",
    check=None,
)
