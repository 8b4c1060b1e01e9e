"""The extreme values of each type, and unusual forms of values."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import IntegrityError, connection, transaction
from django.test import Client
from psycopg import sql

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.attack.payloads import insert, remember
from tests.attack.test_payloads import adapt
from veza_core.models import User
from veza_core.secret_columns import SECRET_COLUMNS

#: Kinds of values: an SQL expression for each type. Values that checks refuse in every column are
#: left out: negative numbers, nested arrays, infinite dates, dates before year 1 and after year
#: 9999.
EXTREME = {
    "largest": {
        "smallint": "32767",
        "integer": "2147483647",
        "bigint": "9223372036854775807",
        "numeric": "100.00",
        "inet": "'255.255.255.255/0'",
        "date": "'9999-12-31'",
        "timestamp with time zone": "'infinity'",
        "integer[]": "ARRAY[2147483647]",
    },
    "smallest": {
        "smallint": "-32768",
        "numeric": "0.00",
        "inet": "'::/0'",
        "date": "'0001-01-01'",
        "timestamp with time zone": "'-infinity'",
        "integer[]": "'{}'",
        "character varying(100)[]": "'{}'",
        "text": "''",
    },
    "odd": {
        "inet": "'::ffff:1.2.3.4/96'",
    },
}


def columns() -> list[tuple[str, str, str]]:
    """Table, name and type of each column that can be written, from the live catalog."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
        )
        return cursor.fetchall()


def name_of(type_: str) -> str:
    """The type without its length, but with `[]` of an array."""
    return type_ if type_.endswith("[]") else type_.partition("(")[0]


def fill(cursor: Any, keys: dict[str, Any], kind: str) -> set[str]:
    """Write the values where no check refuses them; return the types that accepted one."""
    taken = set()
    for table, column, type_ in columns():
        value = EXTREME[kind].get(name_of(type_))
        if value is None:
            continue
        statement = sql.SQL("UPDATE {} SET {} = {} WHERE id = %s").format(
            sql.Identifier(table), sql.Identifier(column), sql.SQL(value)
        )
        try:
            with transaction.atomic():
                cursor.execute(statement, [keys[table]])
        except IntegrityError as error:
            assert "chk_" in str(error), (table, column, error)  # noqa: PT017
        else:
            taken.add(name_of(type_))
    return taken


@pytest.mark.parametrize("kind", EXTREME)
def test_every_page_shows_them(kind: str, super_admin: Client, subtests: Any) -> None:
    with connection.cursor() as cursor:
        made = insert(cursor, "markup", SECRET_COLUMNS, adapt)
        remember(cursor, made, adapt)
        taken = fill(cursor, made.keys, kind)
    assert taken == set(EXTREME[kind])
    assert super_admin.get("/admin/").status_code == 200
    for model in MODELS:
        key = made.keys[model._meta.db_table]
        with subtests.test(model._meta.db_table):
            assert super_admin.get(address_of(model, "changelist")).status_code == 200
            assert super_admin.get(address_of(model, "change", key)).status_code == 200
            export = super_admin.post(address_of(model, "export"), {"reason": "test"})
            assert str(key) in export.getvalue().decode()
            for action in actions_of(model):
                page = super_admin.get(address_of(model, "action", key, action))
                assert page.status_code in (200, 302, 403, 409)
            screen: Any = admin.site.get_model_admin(model)
            if screen.has_timeline:
                assert super_admin.get(address_of(model, "timeline", key)).status_code == 200
    account = made.keys["users"]
    for page in ("erasure", "related"):
        assert super_admin.get(address_of(User, page, account)).status_code == 200
