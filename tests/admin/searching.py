"""Helpers for tests of the search box."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.test import Client

SEARCH = "/admin/search/"

MODELS = [
    model
    for label in settings.PUBLIC_SCHEMA_APPS
    for model in apps.get_app_config(label).get_models()
]


def search(client: Client, text: str) -> Any:
    """The page of all results of a search, even if it finds exactly one row."""
    response = client.post(SEARCH, {"q": text})
    if response.status_code != 302:
        return response
    return client.get(f"{response.headers['Location']}&all=1")


def found(response: Any) -> dict[str, list[Any]]:
    """Map each table to the ids of the shown rows, in the page's order."""
    assert response.status_code == 200
    return {
        group.db_table: [row.pk for row in group.rows]
        for group in response.context["groups"]
        if group.rows
    }


def text_of(response: Any) -> str:
    """The page's HTML."""
    return str(response.content.decode())
