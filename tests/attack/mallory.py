"""An attacker with a role on the server, but without privileges on our objects."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.support import administer, scratch_database, server_parameters


@dataclass(frozen=True)
class Mallory:
    """An unprivileged role, and the database that it attacks."""

    role: str
    database: str

    def run(self, *statements: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run statements in the role's session; return the rows of the last one."""
        return _run({**server_parameters(), "user": self.role, "dbname": self.database},
                    statements, self.role, **parameters)  # fmt: skip

    def owner(self, *statements: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The same in the owner's session; `{mallory}` is the role's name."""
        return _run({**server_parameters(), "dbname": self.database},
                    statements, self.role, **parameters)  # fmt: skip


def _run(
    place: dict[str, str], statements: tuple[str, ...], role: str, **parameters: Any
) -> list[tuple[Any, ...]]:
    with psycopg.connect(**{**place, **parameters}, autocommit=True) as session:
        for statement in statements:
            done = session.execute(sql.SQL(statement).format(mallory=sql.Identifier(role)))
        return done.fetchall() if done.description else []


@contextmanager
def mallory_in(template: str) -> Iterator[Mallory]:
    """A copy of a database, and the role; both are dropped."""
    role = f"mallory_{uuid.uuid4().hex[:12]}"
    administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    try:
        with scratch_database(f"TEMPLATE {template}") as database:
            yield Mallory(role, database)
    finally:
        administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
