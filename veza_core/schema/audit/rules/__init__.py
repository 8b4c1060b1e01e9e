"""All rules, in the order in which they are run and reported."""

from veza_core.schema.audit import exceptions
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import (
    drift,
    governance,
    identity,
    indexes,
    integrity,
    names,
    references,
    search,
    server,
    time,
    triggers,
    types,
)

CATALOG_RULES: tuple[Rule, ...] = (
    *identity.RULES,
    *time.RULES,
    *triggers.RULES,
    *integrity.RULES,
    *references.RULES,
    *indexes.RULES,
    *search.RULES,
    *types.RULES,
    *names.RULES,
    *governance.RULES,
    *server.RULES,
)

#: With drift, which compares with a recorded catalog, and those about the exceptions file.
ALL_RULES: tuple[Rule, ...] = (*CATALOG_RULES, drift.DRIFT, *exceptions.RULES)
