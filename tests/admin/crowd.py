"""Many rows in all tables, with which plans that only seem good become slow.

In every table, half of the rows belong to one user, track, playlist…: the hot one. The rare one has
a few rows, all among the oldest, so a scan from the newest rows finds none for long. Ten rows each
have the same time. Only the oldest row is in the last state of an enum.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import (
    DateTimeField,
    Field,
    ForeignKey,
    GenericIPAddressField,
    IntegerField,
    Model,
    SmallIntegerField,
    UUIDField,
)
from django.db.models.fields import NOT_PROVIDED

from veza_core.db.fields import EnumField
from veza_core.models import Permission, Role, RolePermission

MODELS: list[type[Model]] = [
    model
    for label in settings.PUBLIC_SCHEMA_APPS
    for model in apps.get_app_config(label).get_models()
]

#: Rows of each table, and how many of them belong to the rare one.
ROWS, RARE = 12_000, 40

#: Tables whose rows migration 020 inserts.
REFERENCE = (Role, Permission, RolePermission)


@dataclass(frozen=True)
class Crowd:
    """The ids of the hot, the rare and a usual row of each table."""

    ids: dict[type[Model], tuple[uuid.UUID, uuid.UUID, uuid.UUID]]

    def hot(self, model: type[Model]) -> uuid.UUID:
        return self.ids[model][0]

    def rare(self, model: type[Model]) -> uuid.UUID:
        return self.ids[model][1]

    def usual(self, model: type[Model]) -> uuid.UUID:
        return self.ids[model][2]


def an_id(model: type[Model], place: str) -> str:
    """The id of the table's row with number `place`, which is an SQL expression."""
    return f"md5('{model._meta.db_table}' || ({place}))::uuid"


def fill(cursor: Any) -> Crowd:
    """Insert the rows, and analyze the tables."""
    for model in MODELS:
        if model in REFERENCE:
            continue
        fields = [field for field in model._meta.concrete_fields if _is_given(field)]
        columns = ", ".join(f'"{field.column}"' for field in fields)
        values = ", ".join(_value(model, field) for field in fields)
        # Half of all replies answer one comment, on any track: a trigger would refuse that.
        cursor.execute(f'ALTER TABLE "{model._meta.db_table}" DISABLE TRIGGER USER')
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({columns}) SELECT {values}'
            f" FROM generate_series(1, {ROWS}) AS n ORDER BY n DESC ON CONFLICT DO NOTHING"
        )
        cursor.execute(f'ALTER TABLE "{model._meta.db_table}" ENABLE TRIGGER USER')
        cursor.execute(f'ANALYZE "{model._meta.db_table}"')
    return Crowd({model: _three(cursor, model) for model in MODELS})


def _three(cursor: Any, model: type[Model]) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    if model in REFERENCE:
        first, second, *_, last = model._base_manager.order_by("id").values_list("pk", flat=True)
        return first, second, last
    # If a pair is unique, most rows of the hot one cannot exist.
    cursor.execute(
        f"SELECT id FROM {model._meta.db_table} ORDER BY id NOT IN"
        f" ({an_id(model, '1')}, {an_id(model, '2')}, {an_id(model, '4711')}), id LIMIT 3"
    )
    found = {pk for (pk,) in cursor.fetchall()}
    cursor.execute(f"SELECT {an_id(model, '1')}, {an_id(model, '2')}, {an_id(model, '4711')}")
    known = [pk for pk in cursor.fetchone() if pk in found]
    return (*known, *(found - {*known}))


def _is_given(field: "Field[Any, Any]") -> bool:
    """Whether the field gets a value: keys, times, fields without a default, and states."""
    required = not (field.null or field.generated) and field.db_default is NOT_PROVIDED
    return required or isinstance(
        field, (ForeignKey, DateTimeField, EnumField, UUIDField, GenericIPAddressField)
    )


def _value(model: type[Model], field: "Field[Any, Any]") -> str:
    """An SQL expression of `n`, the row's number."""
    if field.primary_key:
        return an_id(model, "n")
    if isinstance(field, ForeignKey):
        return _reference(model, field)
    if isinstance(field, EnumField):
        *others, last = [value for value, _ in field.choices]
        listed = ", ".join(f"'{value}'" for value in others)
        place = f"(ARRAY[{listed}])[1 + n % {len(others)}]"
        return f"(CASE WHEN n > {ROWS - RARE} THEN '{last}' ELSE {place} END)::{field.enum_type}"
    if isinstance(field, DateTimeField):
        return _time(field)
    if isinstance(field, (IntegerField, SmallIntegerField)):
        # The number of a version is unique within its track.
        return "n" if field.name == "version_number" else "1 + n % 9"
    if isinstance(field, GenericIPAddressField):
        # Half of them have one address, which many share.
        return "CASE WHEN n % 2 = 0 THEN inet '192.0.2.1' ELSE inet '10.0.0.0' + n END"
    if field.name.endswith("email"):
        return "'email' || n || '@example.com'"
    if field.name == "username":
        return "'username' || n"
    return f"'{field.name} ' || n"


def _reference(model: type[Model], field: Any) -> str:
    target = field.related_model
    if target in REFERENCE:
        return f"(SELECT id FROM {target._meta.db_table} ORDER BY id OFFSET 1 LIMIT 1)"
    if target is model:
        return f"CASE WHEN n > 2 THEN {an_id(model, '1')} END"
    usual = f"3 + (n::bigint * 7919 + {len(field.name)}) % {ROWS - 3}"
    return (
        f"CASE WHEN n > {ROWS - RARE} THEN {an_id(target, '2')}"
        f" WHEN n % 2 = 0 THEN {an_id(target, '1')} ELSE {an_id(target, usual)} END"
    )


def _time(field: "Field[Any, Any]") -> str:
    moment = "CURRENT_TIMESTAMP - (n / 10) * interval '1 hour'"
    if field.name in ("created_at", "updated_at", "started_at", "completed_at",
                      "last_activity_at", "run_after"):  # fmt: skip
        return moment
    if field.name == "expires_at":
        return f"{moment} + interval '30 days'"
    # Few are deleted, revoked, used, locked…
    return f"CASE WHEN n % 100 = 0 THEN {moment} + interval '1 minute' END"


def analyze_other_tables() -> None:
    """Analyze the tables of sessions and of the staff log, which the pages use too."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django.django_session")
