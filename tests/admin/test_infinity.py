"""Times that PostgreSQL can store and Python cannot: `infinity`, and years with five digits."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import DateField, DateTimeField, Model
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of, page_of, screen_of
from tests.admin.crowd import MODELS
from tests.one_track import of_one_track
from tests.schema import contract
from veza_core.db.infinity import FIRST, LAST
from veza_core.models import RefreshToken, User
from veza_core.screens.actions.cells import cell

pytestmark = pytest.mark.django_db

NEVER = ["infinity", "-infinity", "12000-01-01", "0044-03-15 BC"]


def let_in(table: str) -> None:
    """Drop the checks that refuse such times."""
    with connection.cursor() as cursor:
        checks = contract.parse(contract.DOCUMENT.read_text()).checks
        for name, (place, _, words) in checks.items():
            if place == table and words in ("a moment", "a day"):
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def set_everywhere(row: Model, value: str) -> None:
    """Set all times of a row, without the checks that refuse the value."""
    columns = [field.column for field in row._meta.concrete_fields
               if isinstance(field, (DateTimeField, DateField))]  # fmt: skip
    table = row._meta.db_table
    with connection.cursor() as cursor:
        # As in a database that does not have the checks yet.
        let_in(table)
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        changes = ", ".join(f"{column} = '{value}'" for column in columns)
        cursor.execute(f"UPDATE {table} SET {changes} WHERE id = %s", [row.pk])
        assert cursor.rowcount == 1


@pytest.mark.parametrize("value", NEVER)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_and_pages_open(model: type[Model], value: str, browser: Client) -> None:
    row = baker.make(model, _fill_optional=[key.name for key in model._meta.concrete_fields
                                            if key.is_relation],
                     **of_one_track(model))  # fmt: skip
    set_everywhere(row, value)
    word = "-infinity" if value in NEVER[1::2] else "infinity"
    for url in (list_of(model), list_of(model, range="30d"), "/admin/"):
        # 400: no index sorts this list by time.
        assert browser.get(url).status_code in (200, 400)
    page = browser.get(page_of(model, row.pk))
    assert page.status_code == 200
    assert f">{word}<" in page.content.decode()
    for parent in screen_of(model).keys:
        field = model._meta.get_field(parent)
        if field.is_relation:
            url = page_of(field.related_model, getattr(row, field.attname))
            assert browser.get(url).status_code == 200


def test_pages_of_rows_with_infinite_times_follow_each_other(browser: Client) -> None:
    user = baker.make(User)
    baker.make(RefreshToken, user=user, expires_at=timezone.now() + timedelta(days=1))
    tokens = baker.make(RefreshToken, user=user, expires_at=timezone.now(), _quantity=120)
    let_in("refresh_tokens")
    RefreshToken.objects.filter(pk__in=[token.pk for token in tokens]).update(expires_at=LAST)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM refresh_tokens WHERE expires_at = 'infinity'")
        assert cursor.fetchone() == (120,)
    seen: list[str] = []
    url = list_of(RefreshToken)
    while url:
        changes = browser.get(url).context_data["cl"]
        seen += [row.pk for row in changes.result_list]
        url = changes.next_url and list_of(RefreshToken) + changes.next_url
    assert len(seen) == len(set(seen)) == 121


def test_infinite_times_are_written_back_unchanged() -> None:
    with connection.cursor() as cursor:
        for value, kind in ((LAST, "timestamptz"), (FIRST, "timestamptz"),
                            (date.max, "date"), (date.min, "date")):  # fmt: skip
            cursor.execute(f"SELECT isfinite(%s::{kind}), %s::{kind}", [value, value])
            assert cursor.fetchone() == (False, value)


def test_in_csv() -> None:
    assert [cell(value) for value in (LAST, FIRST)] == ["infinity", "'-infinity"]
