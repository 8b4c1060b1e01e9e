"""A database in which everybody knocks, with the second factor asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.attack.people import Knocking
from tests.roles.roles import made
from veza_site.roles.wanted import WRITER


@pytest.fixture(scope="package")
def web_role(django_db_setup: str, django_db_blocker: Any) -> Iterator[str]:
    """The role of the site's process, in the database of the tests; no other folder meets it."""
    with django_db_blocker.unblock(), made(connection.settings_dict["NAME"], WRITER) as name:
        yield name


@pytest.fixture
def knocking(web_role: str, db: Any, settings: Any) -> Knocking:
    """The clients. The site answers them as the role that it has in production."""
    settings.SECOND_FACTOR_REQUIRED = True
    settings.ATTACKED_ROLE = web_role
    settings.MIDDLEWARE = ["tests.attack.as_web_role.AsWebRole", *settings.MIDDLEWARE]
    return Knocking()


@pytest.fixture
def super_admin(knocking: Knocking) -> Client:
    """A client that may do everything."""
    return knocking("super_admin")
