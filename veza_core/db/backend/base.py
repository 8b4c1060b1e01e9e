"""The connection: its search path, and the embedded server when there is no DATABASE_URL."""

from typing import Any

from django.db.backends.postgresql import base

from veza_core.db import embedded

from .client import DatabaseClient
from .features import DatabaseFeatures
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor

SEARCH_PATH = "public,django"


class DatabaseWrapper(base.DatabaseWrapper):
    """A PostgreSQL connection that sees our tables in `public` and Django's own in `django`.

    Both schemas have to be on the search path, since Django's introspection asks
    `pg_table_is_visible` (PostgreSQL, "The Schema Search Path", 5.10.3).
    """

    SchemaEditorClass = DatabaseSchemaEditor
    client_class = DatabaseClient
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["options"] = f"-c search_path={SEARCH_PATH} {params.get('options', '')}".rstrip()
        if server := self.settings_dict.get("EMBEDDED"):
            # Started by the first connection and not by the settings: commands that need no
            # database then do not start one.
            params["host"] = embedded.start(**server)
        return params
