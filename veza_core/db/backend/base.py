"""The connection: its settings, and the embedded server if there is no DATABASE_URL."""

from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from veza_core.db import embedded, waits
from veza_core.db.session import startup_options
from veza_core.db.trust import check_trust
from veza_core.db.url import NO_DATABASE

from .bounded import watch, within
from .client import DatabaseClient
from .features import DatabaseFeatures
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor


class DatabaseWrapper(base.DatabaseWrapper):
    """A PostgreSQL connection with our own settings, whatever the role's and the server's are."""

    SchemaEditorClass = DatabaseSchemaEditor
    client_class = DatabaseClient
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["NAME"] == "":
            raise ImproperlyConfigured(NO_DATABASE)
        params = super().get_connection_params()
        given = f"{waits.startup_option()} {params.get('options', '')}"
        params["options"] = startup_options(given.strip())
        if server := self.settings_dict.get("EMBEDDED"):
            # The first connection starts it, not the settings: commands without a database start
            # none.
            params["host"] = embedded.start(**server)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Django's. With CONNECT_WITHIN in the settings, it takes at most that many seconds.

        Then no statement waits for longer than that for a server that does not respond.
        """
        seconds = self.settings_dict.get("CONNECT_WITHIN")
        connect = partial(super().get_new_connection, conn_params)
        if seconds is None:
            return connect()
        session = within(seconds, connect)
        watch(session, seconds / 2, connect)
        return session

    def init_connection_state(self) -> None:
        """Before our first statement: see `veza_core.db.trust`."""
        super().init_connection_state()
        try:
            check_trust(self.connection)
        except BaseException:
            # Otherwise the next statement would run in it.
            self.connection.close()
            self.connection = None
            raise
        waits.watch(self)

    def _commit(self) -> None:
        with waits.while_it_commits(self):
            super()._commit()  # type: ignore[misc]  # the stubs leave it out
