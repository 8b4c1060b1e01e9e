"""The options in the catalog that a user can set, by PostgreSQL's documentation.

`pg_attribute.attoptions`, `pg_class.reloptions` and `pg_proc.proconfig` are arrays of `name=value`.
A server may keep options of its own there, which `psql` and `pg_dump` hide: Debian's 15.20 has a
version of each column in `attoptions`. So only the options that the reference pages list are read.
They are sorted by name, and equal values have the same spelling.

Sources: PostgreSQL 18, ALTER TABLE ("SET ( attribute_option = value )"), CREATE TABLE and CREATE
INDEX ("Storage Parameters"), CREATE VIEW, and the operator classes' own pages.
"""

import re
from collections.abc import Sequence

#: For columns.
ATTRIBUTE = ("n_distinct", "n_distinct_inherited")

_AUTOVACUUM = (
    "autovacuum_enabled", "autovacuum_freeze_max_age", "autovacuum_freeze_min_age",
    "autovacuum_freeze_table_age", "autovacuum_multixact_freeze_max_age",
    "autovacuum_multixact_freeze_min_age", "autovacuum_multixact_freeze_table_age",
    "autovacuum_vacuum_cost_delay", "autovacuum_vacuum_cost_limit",
    "autovacuum_vacuum_insert_scale_factor", "autovacuum_vacuum_insert_threshold",
    "autovacuum_vacuum_max_threshold", "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_threshold", "log_autovacuum_min_duration",
    "vacuum_index_cleanup", "vacuum_max_eager_freeze_failure_rate", "vacuum_truncate",
)  # fmt: skip
_TABLE = (
    "autovacuum_analyze_scale_factor", "autovacuum_analyze_threshold", "fillfactor",
    "parallel_workers", "toast_tuple_target", "user_catalog_table",
)  # fmt: skip
_VIEW = ("check_option", "security_barrier", "security_invoker")

#: For tables, materialized views and views; each name once.
RELATION = (*_AUTOVACUUM, *_TABLE, *_VIEW)
#: For a TOAST table; users set them as `toast.name` of its table.
TOAST = _AUTOVACUUM
#: For indexes, of every access method.
INDEX = (
    "autosummarize", "buffering", "deduplicate_items", "fastupdate", "fillfactor",
    "gin_pending_list_limit", "pages_per_range",
    # For bloom, a contrib module.
    "length", *(f"col{number}" for number in range(1, 33)),
)  # fmt: skip
#: For an index's columns: the options of operator classes, including those of contrib modules.
OPERATOR_CLASS = (
    "false_positive_rate", "n_distinct_per_range", "numranges", "siglen", "values_per_range",
)  # fmt: skip

_BOOLEAN = (
    "autosummarize", "autovacuum_enabled", "deduplicate_items", "fastupdate", "security_barrier",
    "security_invoker", "user_catalog_table", "vacuum_index_cleanup", "vacuum_truncate",
)  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


# PostgreSQL stores a value as it was written: yes, TRUE, 1, 070 or 0.50.
_VALUE = rf"""CASE
    WHEN name IN ({_listed(_BOOLEAN)}) AND value ~* '^(t|tr|tru|true|y|ye|yes|on|1)$' THEN 'on'
    WHEN name IN ({_listed(_BOOLEAN)}) AND value ~* '^(f|fa|fal|fals|false|n|no|of|off|0)$'
        THEN 'off'
    WHEN value ~ '^[+-]?([0-9]{{1,30}}[.]?[0-9]{{0,30}}|[.][0-9]{{1,30}})(e[+-]?[0-9]{{1,2}})?$'
        THEN trim_scale(value::numeric)::text
    ELSE lower(value) END"""


def documented(array: str, names: Sequence[str], prefix: str = "") -> str:
    """SQL for the options of `array` that are in `names`, or NULL if there are none.

    `array` is an SQL expression. Each option in the result begins with `prefix`.
    """
    return (
        f"(SELECT array_agg('{prefix}' || name || '=' || {_VALUE} ORDER BY name) "
        f"FROM unnest({array}) AS option, split_part(option, '=', 1) AS name, "
        f"substr(option, strpos(option, '=') + 1) AS value WHERE name IN ({_listed(names)}))"
    )


def undocumented(array: str, names: Sequence[str]) -> str:
    """SQL for the options of `array` that are not in `names`, or NULL if there are none."""
    return (
        f"(SELECT array_agg(option) FROM unnest({array}) AS option "
        f"WHERE split_part(option, '=', 1) NOT IN ({_listed(names)}))"
    )


def known_settings(array: str) -> str:
    """SQL for those settings of a function that this server knows, or NULL if there are none.

    `array` is an SQL expression for `proconfig`. A setting with a dot belongs to an extension, and
    may be set before the extension is loaded. The view pg_settings is not used: it lacks some
    settings, such as `role`, and hides others from roles that may not read them.
    """
    return (
        f"(SELECT array_agg(option ORDER BY option) FROM unnest({array}) AS option "
        "WHERE strpos(split_part(option, '=', 1), '.') > 0 "
        "OR pg_settings_get_flags(split_part(option, '=', 1)) IS NOT NULL)"
    )


def without(definition: str, hidden: Sequence[str], classes: Sequence[str]) -> str:
    """An index's definition from pg_get_indexdef, without the options in `hidden`.

    PostgreSQL's `get_reloptions` has written the options: `WITH (name='value', other=on)`.
    `classes` are default operator classes. PostgreSQL names such a class only if it has options, so
    its name is removed too.
    """
    for option in hidden:
        name, _, value = option.partition("=")
        quoted = "'" + value.replace("'", "''") + "'"
        for written in (f"{name}={quoted}", f'"{name}"={quoted}', f"{name}={value}"):
            if written in definition:
                part = re.escape(written)
                definition = re.sub(rf"{part}, |, {part}(?=[,)])", "", definition, count=1)
                definition = re.sub(rf" (?:WITH )?\({part}\)", "", definition, count=1)
                break
    for name in classes:
        definition = re.sub(rf" {name}(?= ASC| DESC| NULLS| WITH|[,)])", "", definition)
    return definition
