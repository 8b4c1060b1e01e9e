"""Every table has its screen, and the screen opens."""

from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from model_bakery import baker

from tests.admin.crowd import MODELS


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_there_are_28() -> None:
    assert len(MODELS) == 28


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_list_and_page_open(model: type[Model], browser: Client) -> None:
    row = baker.make(model)
    assert browser.get(address(model, "changelist")).status_code == 200
    page = browser.get(address(model, "change", row.pk))
    assert page.status_code == 200
    assert str(row.pk) in page.content.decode()
