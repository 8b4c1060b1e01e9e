"""`manage.py dbshell`: psql, also on a machine that has none, and on the embedded server."""

import shutil
from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from veza_core.db import embedded


class DatabaseClient(client.DatabaseClient):
    """Runs the psql on PATH, or else the one in the wheel of the embedded server."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        if server := settings_dict.get("EMBEDDED"):
            settings_dict = {**settings_dict, "HOST": embedded.start(**server)}
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, list(parameters))
        psql = shutil.which(cls.executable_name) or str(embedded.program(cls.executable_name))
        return [psql, *arguments[1:]], environment
