"""Drift: the rule alone; what finds it is in `veza_core.schema.audit.drift`."""

from veza_core.schema.audit.rule import Rule, Severity

DRIFT = Rule(
    id="drift",
    group="drift",
    title="Change that no migration made",
    severity=Severity.ERROR,
    reason="What was changed by hand on one database is missing from all others, and from the next "
    "one that is made: the services then meet schemas that differ.",
    remedy="Undo it by hand, or make it the migrations' own and write `schema/` anew "
    "(`make schema`).",
    bad="ALTER TABLE public.users ALTER COLUMN token_version SET DEFAULT 1;",
    good="-- Whatever a migration makes, and schema/catalog.json records.",
    example="public.users.token_version (default)",
    check=None,
)
