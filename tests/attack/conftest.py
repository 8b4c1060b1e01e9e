"""A database with users of all kinds, and with the second factor required."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.attack.people import Knocking
from tests.attack.served import Served, checkout, served
from tests.roles.roles import made
from tests.support import manage_process, production_environment, scratch_database
from veza_site.roles.wanted import WRITER


@pytest.fixture(scope="package")
def web_role(django_db_setup: str, django_db_blocker: Any) -> Iterator[str]:
    """The role of the site's process, in the tests' database; only this directory uses it."""
    with django_db_blocker.unblock(), made(connection.settings_dict["NAME"], WRITER) as name:
        yield name


@pytest.fixture
def knocking(web_role: str, db: Any, settings: Any) -> Knocking:
    """The clients. The site uses the same role as in production."""
    settings.SECOND_FACTOR_REQUIRED = True
    settings.ATTACKED_ROLE = web_role
    settings.MIDDLEWARE = ["tests.attack.as_web_role.AsWebRole", *settings.MIDDLEWARE]
    return Knocking()


@pytest.fixture
def super_admin(knocking: Knocking) -> Client:
    """A client that may do everything."""
    return knocking("super_admin")


@pytest.fixture(scope="module", params=["text", "json"])
def site(
    request: Any, migrated: str, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The site as in production, with each log format; every line of the log is checked."""
    directory = checkout(tmp_path_factory.mktemp("checkout"))
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        static = {"STATIC_ROOT": str(directory / "static"), **production_environment(name)}
        collect = manage_process("collectstatic", "--noinput", "--verbosity=0", **static)
        assert collect.returncode == 0, collect.stderr
        with served(name, directory, LOG_FORMAT=request.param, METRICS_TOKEN="m" * 16) as site:
            yield site
        log = site.log.read_text()
    assert "Traceback" not in log, log
    assert "x" * 60 not in log
    for line in log.splitlines():
        if request.param == "json":
            assert json.loads(line)["time"]
        else:
            assert re.match(r"\d{4}-\d\d-\d\dT", line), line
