"""A throw-away database on the configured server."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper


class ScratchDatabaseError(Exception):
    """The role cannot create a database on the server; the message is one line."""


@contextmanager
def scratch_database(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """In the block, the connection uses a new and empty database, which is dropped at the end.

    Raises `ScratchDatabaseError`, with the connection unchanged.
    """
    configured = connection.settings_dict["NAME"]
    name = f"veza_scratch_{uuid4().hex[:12]}"
    owner = connection.copy()
    try:
        _create(owner, name)
        connection.close()
        connection.settings_dict["NAME"] = name
        yield
    finally:
        if connection.settings_dict["NAME"] == name:
            connection.close()
            connection.settings_dict["NAME"] = configured
        if owner.connection is not None:
            # It may exist, although a signal interrupted the wait for the server's answer.
            with owner.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        owner.close()


def _create(owner: BaseDatabaseWrapper, name: str) -> None:
    owner.ensure_connection()
    try:
        with owner.cursor() as cursor:
            # template1 may contain objects of the server's owner, and its locale may exclude UTF8.
            cursor.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 "
                "ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER libc"
            )
    except DatabaseError as error:
        user = owner.connection.info.user
        message = " ".join(str(error).split())
        raise ScratchDatabaseError(f"the server refuses one to role {user}: {message}") from error
