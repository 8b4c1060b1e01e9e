"""The function that keeps `updated_at` (Standard, rule 2)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import Function, Table
from veza_core.schema.audit.rule import TIME, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import FUNCTION
from veza_core.schema.quoting import qualified

FUNCTION_NAME = "update_updated_at_column"
BODY = "BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END;"
SEARCH_PATH = 'search_path=""'


def is_ours(function: Function, table: Table) -> bool:
    """Whether it is the Standard's function, in the table's schema or in `public`."""
    return function.name == FUNCTION_NAME and function.schema in (table.schema, "public")


def plain_body(function: Function) -> str:
    """Return the source in lower case, without comments, on one line."""
    source = re.sub(r"--[^\n]*|/\*.*?\*/", " ", function.source, flags=re.DOTALL)
    source = re.sub(r"\s*(:=|=)\s*", " = ", " ".join(source.split())).replace(" ;", ";").lower()
    return source if source.endswith(";") else f"{source};"


def create_function(schema: str) -> str:
    """Return the statement that creates the function, or replaces a wrong one."""
    return (
        f"CREATE OR REPLACE FUNCTION {qualified(schema, FUNCTION_NAME)}() RETURNS trigger "
        f"LANGUAGE plpgsql SET search_path = '' AS $$ {BODY} $$;"
    )


@TIME.error(
    "trigger-function-changed",
    "update_updated_at_column() differs from the Standard's",
    reason="The updated_at of every table depends on these two lines. With an empty search_path, "
    "the function does the same for every caller.",
    remedy="Replace the function. Its triggers stay.",
    bad="CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql\n"
    "AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END; $$;",
    good=FUNCTION,
    example="public.update_updated_at_column()",
    fix="""
CREATE OR REPLACE FUNCTION public.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql \
SET search_path = '' AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;""",
    changes="updated_at becomes the time of the transaction, whichever time the old body set.",
)
def trigger_function_changed(catalog: Catalog) -> Iterator[Found]:
    """White space, case, comments and `:=` make no difference."""
    called = {
        trigger.function.oid
        for table in catalog.tables
        for trigger in table.triggers
        if is_ours(trigger.function, table)
    }
    for function in catalog.functions:
        if function.name != FUNCTION_NAME or function.arguments:
            continue
        if not (function.oid in called or function.is_audited):
            continue
        wrong = []
        if function.language != "plpgsql" or plain_body(function) != BODY.lower():
            wrong.append(f"its body is not {BODY!r}")
        if function.settings != [SEARCH_PATH]:
            has = ", ".join(function.settings) or "none"
            wrong.append(f"its search_path is not fixed to '' (settings: {has})")
        if wrong:
            fix = None
            if function.returns_trigger:
                claims = frozenset([f"function {function.identity}"])
                fix = Fix(Stage.TRIGGER, (create_function(function.schema),), claims)
            yield Found(None, function.identity, " and ".join(wrong), fix)
