"""A list is only sorted by values that all its rows have, because a cursor cannot contain NULL."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model, Q
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.admin.addresses import list_of
from tests.admin.plans import plan_of
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.listing import ListParameters
from veza_media.models import HlsTranscodeJob

pytestmark = pytest.mark.django_db


def orders(screen: ListParameters) -> Iterator[tuple[str, Q, dict[str, str]]]:
    """The orders of a list, each with the rows that it then shows, and its query string."""
    yield screen.order, Q(), {}
    yield from ((order, Q(), {}) for order in screen.keys.values())
    yield from ((one.order, Q(), {}) for one in screen.criteria)
    for state in screen.states:
        for option in state.options:
            yield option.order or "", option.where, {state.name: option.value}


def nullable() -> list[tuple[type[Model], str, Q, dict[str, str]]]:
    """The orders by a column that may be NULL."""
    return [
        (screen.model, order.removeprefix("-"), where, query)
        for screen in admin.site.screens()  # type: ignore[attr-defined]
        for order, where, query in orders(screen.parameters())
        if order and screen.model._meta.get_field(order.removeprefix("-")).null
    ]


def reads_nothing(model: type[Model], where: Q) -> bool:
    """Whether PostgreSQL knows, from the conditions and the table's checks, that no row matches."""
    statement, parameters = model._base_manager.filter(where).query.sql_with_params()
    # A condition on the current time proves nothing.
    statement = statement.replace("STATEMENT_TIMESTAMP()", "timestamptz '2026-01-01 00:00Z'")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL constraint_exclusion = on")
        return bool(plan_of(cursor.mogrify(statement, parameters))["Node Type"] == "Result")


def test_no_row_of_a_list_lacks_its_place() -> None:
    """The filter leaves out rows without the value, or a check forbids them."""
    assert not reads_nothing(HlsTranscodeJob, Q(status="processing", completed_at=None))
    found = nullable()
    assert len(found) > 10
    for model, column, where, query in found:
        assert reads_nothing(model, where & Q(**{f"{column}__isnull": True})), (model, query)


def turned(browser: Client, url: str, to: str) -> list[list[str]]:
    """The rows of each page, from this one to the last one."""
    pages = []
    while True:
        page = browser.get(url)
        assert page.status_code == 200, url
        pages.append([str(row.pk) for row in page.context["cl"].result_list])
        link = re.search(rf'<a href="([^"]+)"[^>]*>{to}', page.content.decode())
        if link is None:
            return pages
        url = url.partition("?")[0] + unescape(link[1])


def test_every_row_has_its_page(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forwards and back, in either direction; with many rows of the same time."""
    monkeypatch.setattr(InspectionAdmin, "list_per_page", 3)
    now = timezone.now()
    for model, column, where, query in nullable():
        state = dict(where.children) if model is HlsTranscodeJob else {}
        for hours in (1, 2, 2, 2, 2, 2, 3):
            baker.make(model, **{column: now + timedelta(hours=hours)}, **state)
        wanted = {str(pk) for pk in model._base_manager.filter(where).values_list("pk", flat=True)}
        for direction in ({}, {"order": "reversed"}):
            asked = {**query, **direction}
            onwards = turned(browser, list_of(model, **asked), "Next")
            back = turned(browser, list_of(model, **asked, last="1"), "Previous")
            assert sorted(pk for page in onwards for pk in page) == sorted(wanted), asked
            assert [pk for page in reversed(back) for pk in page] == [
                pk for page in onwards for pk in page
            ], asked
