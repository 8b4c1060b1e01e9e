"""No page selects, or shows, a secret."""

import re
from typing import Any

import pytest
from django.test import Client
from model_bakery import baker

from tests.admin.addresses import list_of, page_of
from tests.admin.crowd import MODELS
from tests.admin.plans import captured
from veza_core.models import FederatedIdentity, RefreshToken, User, UserSession
from veza_core.secret_columns import SECRET_COLUMNS

pytestmark = pytest.mark.django_db

#: Of all tables; no other column is called that.
SECRETS = re.compile(r"\b(" + "|".join(sorted(set().union(*SECRET_COLUMNS.values()))) + r")\b")


def without_names(statement: str) -> str:
    """A statement without what bears the name of a secret and is none: a table, an index."""
    return re.sub(
        r"\b(refresh_tokens|password_reset_tokens|email_verification_tokens)\b", "", statement
    )


def test_the_pattern_finds_secrets() -> None:
    for columns in SECRET_COLUMNS.values():
        for column in columns:
            assert SECRETS.search(f'SELECT "t"."{column}" FROM t')


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_secret_is_selected(model: Any, browser: Client) -> None:
    row = baker.make(model)
    for url in (list_of(model), page_of(model, row.pk)):
        response, statements = captured(browser, url)
        assert response.status_code == 200
        assert len(statements) > 3
        for statement in statements:
            assert not SECRETS.search(without_names(statement)), statement


def test_no_secret_is_shown(browser: Client) -> None:
    user = baker.make(User, password="bcrypt$$2b$04$" + "S" * 53)
    for model in (RefreshToken, UserSession):
        baker.make(model, user=user, token_hash=f"secret of {model.__name__}")
    identity = baker.make(
        FederatedIdentity, user=user, access_token="secret access", refresh_token="secret refresh"
    )
    for url in (
        page_of(User, user.pk),
        page_of(FederatedIdentity, identity.pk),
        list_of(UserSession),
    ):
        content = browser.get(url).content.decode()
        assert "secret " not in content
        assert "SSSS" not in content
        assert "$2b$" not in content
