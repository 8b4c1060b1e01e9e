"""All rules, in the order in which they are run and reported."""

from veza_core.audit import exceptions
from veza_core.audit.rule import Rule
from veza_core.audit.rules import (
    governance,
    identity,
    indexes,
    integrity,
    names,
    references,
    search,
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
)

#: With those about the exceptions file, which look at no catalog.
ALL_RULES: tuple[Rule, ...] = (*CATALOG_RULES, *exceptions.RULES)
