"""System checks of a deployment."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from veza_core.db.url import NO_DATABASE


@register(Tags.security, deploy=True)
def database_is_named(**_: Any) -> list[CheckMessage]:
    """Report a production that has no database: its first query would be refused."""
    named = connections["default"].settings_dict["NAME"] != ""
    return [] if named else [Error(NO_DATABASE, id="veza_core.E001")]
