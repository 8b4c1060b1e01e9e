"""No page selects secrets, and no query string can read them."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.one_track import of_one_track
from veza_core.models import User
from veza_core.secret_columns import SECRET_COLUMNS

LOOKUPS = ("", "__startswith", "__regex", "__gt", "__isnull", "__in")


def secrets_of(model: Any) -> list[str]:
    """The secret fields of a table, by their names in Django."""
    columns = SECRET_COLUMNS.get(model._meta.db_table, ())
    return [field.name for field in model._meta.concrete_fields if field.column in columns]


def lookups_of(model: Any) -> set[str]:
    """Lookups of the table's secrets, and of those of related tables in both directions."""
    related = {
        f"{field.name}__{secret}__startswith"
        for field in model._meta.get_fields()
        if field.is_relation
        for secret in secrets_of(field.related_model)
    }
    own = {secret + lookup for secret in secrets_of(model) for lookup in LOOKUPS}
    columns = SECRET_COLUMNS.get(model._meta.db_table, frozenset())
    return related | own | columns | {"password__startswith", "track__user__password__startswith"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_lookup(model: type[Model], super_admin: Client) -> None:
    path = address_of(model, "changelist")
    for name in sorted(lookups_of(model)):
        answer = super_admin.get(path, {name: "$2b$"})
        assert answer.status_code == 400, name
        assert "has no filter" in answer.text
    assert super_admin.get(address_of(model, "export"), {name: "$2b$"}).status_code == 400
    for name in ("o", "q", "e", "_facets", "_popup", "_to_field", "order_by", "all", "p"):
        assert super_admin.get(path, {name: "password"}).status_code == 400
        page = super_admin.get(address_of(model, "change", uuid4()), {name: "password"})
        assert page.status_code == 404


#: Valid values for columns that baker would fill with random letters.
SHAPED = {"slug": "a-slug", "country_code": "DE", "theme": "dark"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_not_selected(model: type[Model], super_admin: Client) -> None:
    # baker must not generate the hash.
    names = {field.name for field in model._meta.concrete_fields}
    shaped = {name: text for name, text in SHAPED.items() if name in names}
    row: Any = baker.make(model, _fill_optional=model is not User, **shaped, **of_one_track(model))
    with CaptureQueriesContext(connection) as captured:
        pages = [
            super_admin.get("/admin/"),
            super_admin.get(address_of(model, "changelist")),
            super_admin.get(address_of(model, "change", row.pk)),
            super_admin.get(address_of(model, "export")),
            super_admin.post("/admin/search/", {"q": str(row.pk)}, follow=True),
            *(super_admin.get(address_of(model, "action", row.pk, name))
              for name in actions_of(model)),
        ]  # fmt: skip
        export = super_admin.post(address_of(model, "export"), {"reason": "test"})
        export.getvalue()
    assert {page.status_code for page in (*pages, export)} <= {200, 403, 409}
    secret = {f'"{column}"' for columns in SECRET_COLUMNS.values() for column in columns}
    statements = [query["sql"] for query in captured]
    assert len(statements) > 10
    # `SELECT *` and to_jsonb of whole rows would select them too.
    assert [text for text in statements if any(name in text for name in secret)] == []
    assert [text for text in statements if _selects_all(text)] == []


def _selects_all(statement: str) -> bool:
    """Whether a statement selects all columns, except of a subquery that names its columns."""
    return "SELECT *" in statement.replace("SELECT * FROM (SELECT", "").replace(
        "SELECT * FROM ((SELECT", ""
    )
