"""All rules, in the order in which they are run and reported."""

from types import ModuleType

from veza_core.schema.audit import exceptions
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import (
    columns,
    drift,
    enforcement,
    governance,
    identity,
    index_names,
    indexes,
    integrity,
    names,
    operation,
    references,
    search,
    security,
    server,
    time,
    trigger_functions,
    triggers,
    types,
    usefulness,
)


def _defined_in(*modules: ModuleType) -> tuple[Rule, ...]:
    """The rules of each module, in the order in which it defines them."""
    return tuple(
        each for module in modules for each in vars(module).values() if isinstance(each, Rule)
    )


CATALOG_RULES = _defined_in(
    identity, time, triggers, trigger_functions, integrity, references, enforcement, index_names,
    indexes, search, usefulness, types, columns, names, governance, server, security, operation,
)  # fmt: skip

#: With drift, which compares with a recorded catalog.
RUN_RULES = (*CATALOG_RULES, *_defined_in(drift))
#: With those about the exceptions file.
ALL_RULES = (*RUN_RULES, *_defined_in(exceptions))
