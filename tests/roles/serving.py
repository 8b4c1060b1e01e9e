"""The site's process in production: its default connection is one of a role that owns nothing."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from tests import in_process
from tests.roles.roles import PASSWORD


@contextmanager
def serving_as(database: str, role: str) -> Iterator[None]:
    """In the block, Django's default connection uses this role and this database."""
    with in_process.default_database(database):
        owner = connections["default"]
        settings_dict = {**copy.deepcopy(owner.settings_dict), "USER": role, "PASSWORD": PASSWORD}
        connections["default"] = type(owner)(settings_dict, "default")
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"] = owner
