"""Takes actions of the admin as a browser does: opens the page, fills it in, and sends it."""

import re
from typing import Any

from django.db import connection
from django.db.models import Model
from django.test import Client

from veza_core.screens.actions.addresses import action_url
from veza_site.models import StaffLogEntry

ROW = re.compile(r'name="row" value="([^"]+)"')


def url(row: Model, action: str) -> str:
    return action_url(type(row), row.pk, action)


def open_page(client: Client, row: Model, action: str) -> list[str]:
    """The hidden fields of the confirmation page: the rows, as they were shown."""
    response = client.get(url(row, action))
    assert response.status_code == 200, response.content.decode()
    return ROW.findall(response.content.decode())


def take(client: Client, row: Model, action: str, **data: Any) -> Any:
    """Take an action on a row, with a reason unless `data` has one; return the answer to the
    POST.
    """
    seen = open_page(client, row, action)
    return client.post(url(row, action), {"row": seen, "reason": "because", **data})


def columns(row: Model, *names: str) -> tuple[Any, ...]:
    """The values of these columns of a row, from PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM {row._meta.db_table} WHERE id = %s", [row.pk]
        )
        found = cursor.fetchone()
    assert found is not None
    return tuple(found)


def entries(action: str) -> list[StaffLogEntry]:
    return list(StaffLogEntry.objects.filter(action=action).order_by("id"))
