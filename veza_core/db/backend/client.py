"""`manage.py dbshell`: runs psql, also if none is installed, and on the embedded server."""

import shutil
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db.backends.postgresql import client

from veza_core.db import embedded
from veza_core.db.libpq import program_arguments
from veza_core.db.url import DEFAULT_PORT, NO_DATABASE


class DatabaseClient(client.DatabaseClient):
    """Runs the psql on PATH, or otherwise the one in the embedded server's wheel."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        place = {
            "host": settings_dict.get("HOST"),
            "port": settings_dict.get("PORT") or DEFAULT_PORT,
            "dbname": settings_dict["NAME"],
            "user": settings_dict.get("USER"),
            "password": settings_dict.get("PASSWORD"),
        }
        if not place["dbname"]:
            raise ImproperlyConfigured(NO_DATABASE)
        if server := settings_dict.get("EMBEDDED"):
            place["host"] = embedded.start(**server)
        psql = shutil.which(cls.executable_name) or cls._of_wheel()
        try:
            arguments, variables = program_arguments({**settings_dict["OPTIONS"], **place})
        except ValueError as error:
            raise CommandError(str(error)) from error
        return [psql, *arguments, *parameters], variables

    @classmethod
    def _of_wheel(cls) -> str:
        """The psql of the embedded server. Raises `CommandError` if it is not installed."""
        try:
            return str(embedded.program(cls.executable_name))
        except ModuleNotFoundError as error:
            raise CommandError(
                "psql is missing: install PostgreSQL's client (Debian: postgresql-client)"
            ) from error
