"""The trigger that keeps `updated_at` (Standard, rule 2)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import Table, Trigger
from veza_core.schema.audit.rule import TIME, Fix, Found, Stage
from veza_core.schema.audit.rules.examples import FUNCTION, TABLE, TRIGGER
from veza_core.schema.audit.rules.touching import is_readable, sets_the_time
from veza_core.schema.audit.rules.trigger_functions import (
    FUNCTION_NAME,
    create_function,
    is_ours,
    plain_body,
)
from veza_core.schema.quoting import clip, ident, qualified, snake

# Bits of pg_trigger.tgtype (PostgreSQL, catalog/pg_trigger.h).
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE, _INSTEAD = (1 << bit for bit in range(7))

#: The body of an older function that may be replaced: it only sets the time.
_SETS_THE_TIME = re.compile(
    r"begin new\.updated_at = \(?(current_timestamp|(now|clock_timestamp|statement_timestamp|"
    r"transaction_timestamp)\(\))\)?; return new; end;"
)

GOOD = f"{TABLE}\n{FUNCTION}\n{TRIGGER}"


def trigger_name(table: Table) -> str:
    """Return the name that the trigger has by convention."""
    return clip(f"update_{table.name}_updated_at")


def _pairs(catalog: Catalog) -> Iterator[tuple[Table, Trigger | None]]:
    """Go through the tables with `updated_at`, each with its trigger for it, correct or not.

    A partition has a clone of its parent's trigger.
    """
    for table in catalog.tables:
        if "updated_at" in table.columns:
            candidates = [trigger for trigger in table.triggers if _rank(trigger)]
            yield table, max(candidates, key=_rank, default=None)


def _rank(trigger: Trigger) -> int:
    """Rank how similar a trigger is to the Standard's for `updated_at`; 0 is not similar."""
    ours = is_ours(trigger.function, trigger.table)
    named = _is_named(trigger)
    # The name alone counts only if the source cannot be read.
    meant = "updated_at" in trigger.name and not is_readable(trigger.function)
    if not (ours or named or meant or (trigger.kind & _UPDATE and sets_the_time(trigger))):
        return 0
    right = _is_timed(trigger) and trigger.enabled in "OA"
    return 1 + 4 * named + 4 * ours + 2 * right


def _is_named(trigger: Trigger) -> bool:
    name = trigger_name(trigger.table)
    return trigger.name == name or trigger.name == clip(snake(name))


def _is_timed(trigger: Trigger) -> bool:
    return trigger.kind == _ROW | _BEFORE | _UPDATE and not trigger.is_limited


def create_trigger(catalog: Catalog, table: Table, replaced: Trigger | None = None) -> Fix:
    """Return the fix that creates the trigger, and its function if it does not exist.

    The trigger replaces `replaced`.
    """
    ours = [function for function in catalog.functions if is_ours(function, table)]
    schema = "public" if any(function.schema == "public" for function in ours) else table.schema
    name = trigger_name(table)
    same = replaced is not None and replaced.name == name
    in_place = same and replaced is not None and not replaced.is_constraint
    verb = "CREATE OR REPLACE" if in_place else "CREATE"
    create = (
        f"{verb} TRIGGER {ident(name)} BEFORE UPDATE ON {table.identity} "
        f"FOR EACH ROW EXECUTE FUNCTION {qualified(schema, FUNCTION_NAME)}();"
    )
    statements = [create] if ours else [create_function(schema), create]
    if replaced is not None and not in_place:
        drop = f"DROP TRIGGER {ident(replaced.name)} ON {table.identity};"
        # Create the new one first, so that no update is missed, unless both have the same name.
        statements.insert(-1 if same else len(statements), drop)
    return Fix(Stage.TRIGGER, tuple(statements), frozenset([f"trigger on {table.identity}"]))


@TIME.error(
    "trigger-missing",
    "No trigger for updated_at",
    reason="Services in several languages update the same rows. Only the database sees all "
    "updates, so it must set the time.",
    remedy="Create the trigger. It takes a short lock that waits for writes in progress.",
    bad=TABLE,
    good=GOOD,
    example="public.plays",
    fix="""
CREATE OR REPLACE FUNCTION public.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql \
SET search_path = '' AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
CREATE TRIGGER update_plays_updated_at BEFORE UPDATE ON public.plays FOR EACH ROW \
EXECUTE FUNCTION public.update_updated_at_column();""",
    changes="An UPDATE sets updated_at to the time of its transaction, whatever value it gives.",
)
def trigger_missing(catalog: Catalog) -> Iterator[Found]:
    """A table without updated_at is not reported here."""
    for table, trigger in _pairs(catalog):
        if trigger is None:
            message = f"no trigger keeps updated_at: {trigger_name(table)} is missing"
            yield Found(table, table.identity, message, create_trigger(catalog, table))


@TIME.error(
    "trigger-disabled",
    "Disabled trigger for updated_at",
    reason="A disabled trigger looks like any other in a listing, but does nothing. A trigger "
    "that fires only on replicas does nothing here.",
    remedy="Enable it.",
    bad=f"{GOOD}\nALTER TABLE plays DISABLE TRIGGER update_plays_updated_at;",
    good=GOOD,
    example="public.plays.update_plays_updated_at",
    fix="ALTER TABLE public.plays ENABLE TRIGGER update_plays_updated_at;",
    changes="An UPDATE sets updated_at to the time of its transaction, whatever value it gives.",
)
def trigger_disabled(catalog: Catalog) -> Iterator[Found]:
    """A trigger that is disabled on one partition only is reported too."""
    found = [trigger for _, trigger in _pairs(catalog) if trigger is not None]
    for table in catalog.all_tables:
        if table.is_partition:
            found += [
                trigger
                for trigger in table.triggers
                if trigger.parent is not None and trigger.parent in "OA" and _rank(trigger)
            ]
    for trigger in found:
        if trigger.enabled in "DR":
            how = "is disabled" if trigger.enabled == "D" else "fires only on replicas"
            statement = (
                f"ALTER TABLE {trigger.table.identity} ENABLE TRIGGER {ident(trigger.name)};"
            )
            claims = frozenset([f"trigger on {trigger.table.identity}"])
            fix = Fix(Stage.TRIGGER, (statement,), claims)
            yield Found(trigger.table, trigger.identity, f"{trigger.name} {how}", fix)


@TIME.error(
    "trigger-timing",
    "Trigger for updated_at that is not BEFORE UPDATE FOR EACH ROW",
    reason="An AFTER trigger or a statement trigger cannot change the row. A trigger with a list "
    "of columns or with WHEN misses some changes. On INSERT, it overwrites a given time.",
    remedy="Create it again, BEFORE UPDATE FOR EACH ROW, without columns and without WHEN.",
    bad=f"{TABLE}\n{FUNCTION}\nCREATE TRIGGER update_plays_updated_at AFTER UPDATE ON plays\n"
    "    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();",
    good=GOOD,
    example="public.plays.update_plays_updated_at",
    fix="""
CREATE OR REPLACE TRIGGER update_plays_updated_at BEFORE UPDATE ON public.plays FOR EACH ROW \
EXECUTE FUNCTION public.update_updated_at_column();""",
    changes="Each UPDATE sets updated_at to the time of its transaction, and no INSERT does.",
)
def trigger_timing(catalog: Catalog) -> Iterator[Found]:
    """SQL is printed only if the trigger does nothing else than set the time."""
    for table, trigger in _pairs(catalog):
        if trigger is not None and not _is_timed(trigger):
            fix = create_trigger(catalog, table, trigger) if _may_be_replaced(trigger) else None
            message = f"{trigger.name} is {_timing(trigger)}, not BEFORE UPDATE FOR EACH ROW"
            yield Found(table, trigger.identity, message, fix)


def _timing(trigger: Trigger) -> str:
    """Say when a trigger fires, in the words of CREATE TRIGGER."""
    kind = trigger.kind
    when = "BEFORE" if kind & _BEFORE else "INSTEAD OF" if kind & _INSTEAD else "AFTER"
    bits = {_INSERT: "INSERT", _UPDATE: "UPDATE", _DELETE: "DELETE", _TRUNCATE: "TRUNCATE"}
    events = " OR ".join(name for bit, name in bits.items() if kind & bit)
    level = "ROW" if kind & _ROW else "STATEMENT"
    limited = " with a list of columns or a WHEN" if trigger.is_limited else ""
    return f"{when} {events} FOR EACH {level}{limited}"


def _may_be_replaced(trigger: Trigger) -> bool:
    """Whether the function only sets the time, and no other trigger has the Standard's name."""
    free = all(
        other is trigger or other.name != trigger_name(trigger.table)
        for other in trigger.table.triggers
    )
    does_only_that = _SETS_THE_TIME.fullmatch(plain_body(trigger.function)) is not None
    return free and does_only_that and trigger.parent is None


@TIME.warning(
    "trigger-name",
    "Trigger for updated_at not named by the convention",
    reason="People and migrations expect the name `update_<table>_updated_at`. Triggers also fire "
    "in the order of their names.",
    remedy="Rename it.",
    bad=f"{TABLE}\n{FUNCTION}\nCREATE TRIGGER plays_touch BEFORE UPDATE ON plays\n"
    "    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();",
    good=GOOD,
    example="public.plays.plays_touch",
    fix="ALTER TRIGGER plays_touch ON public.plays RENAME TO update_plays_updated_at;",
    changes="Triggers fire in the order of their names, so this trigger may fire earlier or later.",
)
def trigger_name_differs(catalog: Catalog) -> Iterator[Found]:
    """PostgreSQL cuts a name after 63 bytes. The cut name is expected."""
    for table, trigger in _pairs(catalog):
        if trigger is None or _is_named(trigger):
            continue
        name = trigger_name(table)
        fix = None
        if all(other.name != name for other in table.triggers) and trigger.parent is None:
            old = f"ALTER TRIGGER {ident(trigger.name)} ON {table.identity}"
            claims = frozenset([f"trigger on {table.identity}"])
            fix = Fix(Stage.RENAME, (f"{old} RENAME TO {ident(name)};",), claims)
        yield Found(table, trigger.identity, f"{trigger.name} is not named {name}", fix)


@TIME.error(
    "trigger-function",
    "Trigger for updated_at that calls another function",
    reason="If all tables use one function, you read, test and change it once.",
    remedy="Let the trigger call update_updated_at_column(). SQL is printed only if the other "
    "function does nothing else than set the time.",
    bad=f"{TABLE}\nCREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql\n"
    "AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END; $$;\n"
    "CREATE TRIGGER update_plays_updated_at BEFORE UPDATE ON plays\n"
    "    FOR EACH ROW EXECUTE FUNCTION touch();",
    good=GOOD,
    example="public.plays.update_plays_updated_at",
    fix="""
CREATE OR REPLACE FUNCTION public.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql \
SET search_path = '' AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
CREATE OR REPLACE TRIGGER update_plays_updated_at BEFORE UPDATE ON public.plays FOR EACH ROW \
EXECUTE FUNCTION public.update_updated_at_column();""",
    changes="updated_at becomes the time of the transaction, whichever time the old function set.",
)
def trigger_function(catalog: Catalog) -> Iterator[Found]:
    """The Standard's function may be in the table's own schema or in `public`."""
    for table, trigger in _pairs(catalog):
        if trigger is not None and not is_ours(trigger.function, table):
            fix = create_trigger(catalog, table, trigger) if _may_be_replaced(trigger) else None
            message = f"{trigger.name} calls {trigger.function.identity}, not {FUNCTION_NAME}()"
            yield Found(table, trigger.identity, message, fix)
