"""Names that need no quotes, checks by convention, and comments (Standard, rule 4)."""

import re
from collections.abc import Callable, Iterator
from functools import cache

from veza_core.db.url import MAX_NAME_BYTES
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import alter_table, is_free
from veza_core.schema.audit.objects import Table
from veza_core.schema.audit.rule import TYPES, Fix, Found, Stage
from veza_core.schema.quoting import RESERVED, clip, ident, snake


def _named(catalog: Catalog, is_bad: Callable[[str], bool], what: str) -> Iterator[Found]:
    """Find the tables, columns, views, sequences, types and functions with a bad name.

    Indexes, constraints and triggers have their own rules, and an inherited column has its
    parent's name. Many columns share a name, so each name is checked once.
    """
    bad = cache(is_bad)
    for table in catalog.all_tables:
        if bad(table.name):
            yield _found(table, table.identity, f"table {ident(table.name)} {what}")
        for column in () if table.is_partition else table.columns.values():
            if bad(column.name) and column.is_local:
                name = ident(column.name)
                yield _found(table, f"{table.identity}.{name}", f"column {name} {what}")
    for thing in catalog.things:
        if bad(thing.name):
            kind = thing.kind.lower()
            yield _found(None, thing.identity, f"{kind} {ident(thing.name)} {what}")
        for name in map(ident, filter(bad, thing.columns)):
            yield _found(None, f"{thing.identity}.{name}", f"column {name} {what}")
    for function in catalog.functions:
        if function.is_audited and bad(function.name):
            yield _found(None, function.identity, f"function {ident(function.name)} {what}")


def _found(table: Table | None, where: str, what: str) -> Found:
    return Found(table, where, f"the name of {what}")


@TYPES.warning(
    "name-not-snake-case",
    "Name that is not snake_case",
    reason="PostgreSQL folds a name without quotes to lower case. So every statement of every "
    "client must quote a name with capitals, spaces or other characters.",
    remedy="Rename it in the same release as the clients that use it.",
    bad='CREATE TABLE plays ("userId" uuid);',
    good="CREATE TABLE plays (user_id uuid, straße text);",
    example='public.plays."userId"',
)
def name_not_snake_case(catalog: Catalog) -> Iterator[Found]:
    """A name may have lower-case letters of any alphabet, digits and underscores. It must not begin
    with a digit.
    """
    return _named(catalog, lambda name: not _is_snake_case(name), "is not snake_case")


def _is_snake_case(name: str) -> bool:
    return re.fullmatch(r"[^\W\d]\w*", name) is not None and name == name.lower()


@TYPES.warning(
    "name-reserved",
    "Name that is a reserved word",
    reason="Every statement of every client must quote a reserved word.",
    remedy="Rename it in the same release as the clients that use it.",
    bad='CREATE TABLE plays ("user" uuid);',
    good="CREATE TABLE plays (position integer);",
    example='public.plays."user"',
)
def name_reserved(catalog: Catalog) -> Iterator[Found]:
    """Words such as `position` and `name` need no quotes, and are not reported."""
    return _named(catalog, RESERVED.__contains__, "is a reserved word")


@TYPES.warning(
    "check-name",
    "Check constraint not named by the convention",
    reason="With a name like `chk_<table>_<what>`, an error message in any client says which "
    "check failed on which table.",
    remedy="Rename it; the lock is short.",
    bad="CREATE TABLE plays (duration_ms integer CHECK (duration_ms >= 0));",
    good="CREATE TABLE plays (\n"
    "    duration_ms integer CONSTRAINT chk_plays_duration_ms CHECK (duration_ms >= 0));",
    example="public.plays.plays_duration_ms_check",
    fix="""
ALTER TABLE public.plays RENAME CONSTRAINT plays_duration_ms_check TO \
chk_plays_duration_ms;""",
    changes="A client that looks for the old name in an error must look for the new one.",
)
def check_name(catalog: Catalog) -> Iterator[Found]:
    """A constraint that a table inherits from its parent is not reported."""
    for table in catalog.tables:
        starts = {f"chk_{form}_" for form in (table.name, snake(table.name))}
        for check in table.checks:
            cut = len(check.name.encode()) >= MAX_NAME_BYTES - 1 and check.name.startswith("chk_")
            right = cut or any(
                check.name.startswith(clip(start)) and len(check.name) > len(start)
                for start in starts
            )
            if check.kind != "c" or check.is_inherited or right:
                continue
            name = _suggested(table, check.name)
            fix = None
            if is_free(table, name):
                clause = f"RENAME CONSTRAINT {ident(check.name)} TO {ident(name)}"
                claims = frozenset(
                    f"constraint {table.identity}.{ident(each)}" for each in (check.name, name)
                )
                fix = Fix(Stage.RENAME, (alter_table(table, clause),), claims)
            message = f"{ident(check.name)} is not named chk_{snake(table.name)}_<what>"
            yield Found(table, check.identity, message, fix)


def _suggested(table: Table, name: str) -> str:
    """Return a name from the old one, without the table and the word check."""
    what = re.sub(r"(^|_)(check|chk|ck)\d*(?=_|$)", "", snake(name))
    what = what.removeprefix(snake(table.name)).strip("_") or "check"
    return clip(f"chk_{snake(table.name)}_{what}")


@TYPES.warning(
    "comment-missing",
    "Table or column without a comment",
    reason="Developers of other services read the schema in psql. Comments are the only place "
    "that says what a column means, and in which unit.",
    remedy="Add COMMENT ON TABLE … or COMMENT ON COLUMN …, with the unit.",
    bad="CREATE TABLE plays (duration_ms integer);\nCOMMENT ON TABLE plays IS 'Each listening';",
    good="CREATE TABLE plays (duration_ms integer);\nCOMMENT ON TABLE plays IS 'Each listening';\n"
    "COMMENT ON COLUMN plays.duration_ms IS 'Time heard, in milliseconds';",
    example="public.plays",
)
def comment_missing(catalog: Catalog) -> Iterator[Found]:
    """A table has one finding for all of its columns without a comment."""
    for table in catalog.tables:
        bare = [column.name for column in table.local_columns() if not column.has_comment]
        missing = [] if table.has_comment else ["the table"]
        if bare:
            missing.append(f"column{'s' * (len(bare) > 1)} {', '.join(map(ident, bare))}")
        if missing:
            yield Found(table, table.identity, f"no comment on {' and '.join(missing)}")
