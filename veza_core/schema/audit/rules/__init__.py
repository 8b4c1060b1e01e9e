"""All rules, in the order in which they are run and reported."""

from veza_core.schema.audit import exceptions
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import (
    columns,
    drift,
    enforcement,
    governance,
    identity,
    indexes,
    integrity,
    names,
    operation,
    references,
    search,
    security,
    server,
    time,
    triggers,
    types,
    usefulness,
)

CATALOG_RULES: tuple[Rule, ...] = (
    *identity.RULES,
    *time.RULES,
    *triggers.RULES,
    *integrity.RULES,
    *references.RULES,
    *enforcement.RULES,
    *indexes.RULES,
    *search.RULES,
    *usefulness.RULES,
    *types.RULES,
    *columns.RULES,
    *names.RULES,
    *governance.RULES,
    *server.RULES,
    *security.RULES,
    *operation.RULES,
)

#: With drift, which compares with a recorded catalog, and those about the exceptions file.
ALL_RULES: tuple[Rule, ...] = (*CATALOG_RULES, drift.DRIFT, drift.TUNING, *exceptions.RULES)
