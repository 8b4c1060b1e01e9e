"""Which rules apply: those for V1, for a schema with UUID keys, or for any database."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

import psycopg

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.objects import UUID
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.audit.rules.time import every_timestamp_without_time_zone


class Profile(StrEnum):
    """What a database is; each profile also has the rules of the next one."""

    VEZA = "veza"
    UUID = "uuid"
    ANY = "any"


#: Only for V1: its tables, its names, its spelling.
_OF_V1 = """
    table-missing table-unexpected extension-missing random-page-cost drift tuning comment-missing
    timestamps-default trigger-name trigger-function trigger-function-changed
    index-name fk-name check-name
"""
#: For a schema in which every row has a UUID and its times.
_OF_UUIDS = """
    pk-not-uuid-id pk-default sequence fk-not-uuid fk-on-delete fk-deferrable fk-leaves-schema
    timestamps-missing timestamps-type timestamps-nullable deleted-at-type
    trigger-missing trigger-timing feed-not-indexed junction-soft-delete
    name-not-snake-case name-reserved type-varchar-unbounded uuid-as-text
"""
OF_V1, OF_UUIDS = frozenset(_OF_V1.split()), frozenset(_OF_UUIDS.split())

#: Checks for profile `any`, where the rules that cover the other cases do not apply.
_WIDER = {"timestamp-without-time-zone": every_timestamp_without_time_zone}

#: Whether the current role may read the history.
_MAY_READ_HISTORY = """
SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'django' AND c.relname = 'django_migrations'
"""
_HISTORY = """
SELECT count(*) > 0, count(*) FILTER (WHERE name = '900_triggers_and_functions') > 0
FROM django.django_migrations WHERE app = 'veza_core'
"""


def rules_of(profile: Profile, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of the profile."""
    left_out: frozenset[str] = frozenset()
    if profile is not Profile.VEZA:
        left_out = OF_V1 if profile is Profile.UUID else OF_V1 | OF_UUIDS
    wider = _WIDER if profile is Profile.ANY else {}
    return tuple(
        replace(rule, check=wider.get(rule.id, rule.check))
        for rule in rules
        if rule.id not in left_out
    )


def recognise(connection: psycopg.Connection[Any], catalog: Catalog) -> Profile:
    """Return the profile of the database: VEZA for V1, otherwise UUID or ANY by most keys' type.

    It counts as V1 if V1's migrations have begun to run, if at least half of V1's tables are in
    `public`, or if `public` has no table.
    """
    if PUBLIC in catalog.schemas:
        here = {table.name for table in catalog.tables if table.schema == PUBLIC}
        expected = expected_tables()
        if not here or 2 * len(here & expected) >= len(expected):
            return Profile.VEZA
        if history(connection)[0]:
            return Profile.VEZA
    keys = [table.primary_key for table in catalog.tables if table.primary_key is not None]
    uuids = [
        key for key in keys
        if any(name and key.table.columns[name].base_type == UUID for name in key.keys)
    ]  # fmt: skip
    return Profile.UUID if keys and 2 * len(uuids) >= len(keys) else Profile.ANY


def history(connection: psycopg.Connection[Any]) -> tuple[bool, bool]:
    """Return whether V1's migrations have begun to run, and whether all have run.

    Both are false if this role may not read the history.
    """
    readable = connection.execute(_MAY_READ_HISTORY).fetchone()
    if readable is None or not readable[0]:
        return False, False
    row = connection.execute(_HISTORY).fetchone()
    return (bool(row[0]), bool(row[1])) if row is not None else (False, False)
