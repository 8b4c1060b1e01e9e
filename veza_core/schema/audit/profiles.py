"""Which rules apply: those of V1, of a schema whose keys are UUIDs, or of any database."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

import psycopg

from veza_core.schema.audit.catalog import UUID, Catalog
from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.audit.rules.time import every_timestamp_without_time_zone


class Profile(StrEnum):
    """What a database is meant to be; each has the rules of the one after it, too."""

    VEZA = "veza"
    UUID = "uuid"
    ANY = "any"


#: What V1 alone has agreed on: its tables, its names, its spelling.
_OF_V1 = """
    table-missing table-unexpected extension-missing random-page-cost drift tuning comment-missing
    timestamps-default trigger-name trigger-function trigger-function-changed
    index-name fk-name check-name
"""
#: What a schema has agreed on that gives every row a UUID and its times.
_OF_UUIDS = """
    pk-not-uuid-id pk-default sequence fk-not-uuid fk-on-delete fk-deferrable fk-leaves-schema
    timestamps-missing timestamps-type timestamps-nullable deleted-at-type
    trigger-missing trigger-timing feed-not-indexed junction-soft-delete
    name-not-snake-case name-reserved type-varchar-unbounded uuid-as-text
"""
OF_V1, OF_UUIDS = frozenset(_OF_V1.split()), frozenset(_OF_UUIDS.split())

#: Of any database: rules that take over what another one, which does not apply, would find.
_WIDER = {"timestamp-without-time-zone": every_timestamp_without_time_zone}

#: Whether the history may be read, by whoever asks.
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
    """Return those of the rules that the profile has."""
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
    """Return what the database is: V1, or going to be; else by what most of its keys are.

    It is going to be V1 when its history has begun, when at least half of V1's tables are in
    `public`, or when nothing is there yet.
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
    """Return whether V1's migrations have begun to run on the database, and whether all have.

    Both are false where this role may not read the history.
    """
    readable = connection.execute(_MAY_READ_HISTORY).fetchone()
    if readable is None or not readable[0]:
        return False, False
    row = connection.execute(_HISTORY).fetchone()
    return (bool(row[0]), bool(row[1])) if row is not None else (False, False)
