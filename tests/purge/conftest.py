"""A migrated database, a copy of it for each test, and rows in it by plain SQL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.schema import catalog
from tests.schema.rows import Rows
from tests.support import (
    database_environment,
    manage,
    running_manage,
    scratch_database,
    server_parameters,
)

TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
)
#: A user who was deleted long ago, with `tracks` tracks that somebody else played `plays` times
#: each, and with as many plays of somebody else's track.
ACCOUNT = """
WITH owner AS (
    INSERT INTO users (email, username, deleted_at)
    VALUES (%(name)s || '@example.com', %(name)s, now() - interval '31 days') RETURNING id
), other AS (
    INSERT INTO users (email, username)
    VALUES ('other' || %(name)s || '@example.com', 'other' || %(name)s)
    RETURNING id
), owned AS (
    INSERT INTO tracks (user_id, title, file_path)
    SELECT id, 'owned', 'f' FROM owner, generate_series(1, %(tracks)s) RETURNING id
), foreign_one AS (
    INSERT INTO tracks (user_id, title, file_path) SELECT id, 'other', 'f' FROM other RETURNING id
), played AS (
    INSERT INTO track_plays (track_id, user_id)
    SELECT owned.id, other.id FROM owned, other, generate_series(1, %(plays)s)
    UNION ALL SELECT foreign_one.id, owner.id FROM foreign_one, owner, owned,
        generate_series(1, %(plays)s)
)
SELECT id FROM owner
"""


@dataclass
class Platform:
    """A database of the platform, and a session in it."""

    name: str
    session: psycopg.Connection
    rows: Rows

    def execute(self, statement: Any, parameters: Any = None) -> psycopg.Cursor:
        return self.session.execute(statement, parameters)

    def insert(self, table: str, **values: Any) -> Any:
        return self.rows.insert(table, **values)

    def account(self, name: str, *, tracks: int, plays: int) -> Any:
        """See `ACCOUNT`."""
        values = {"name": name, "tracks": tracks, "plays": plays}
        return self.execute(ACCOUNT, values).fetchone()[0]

    def age(self, table: str, id_: Any, column: str, days: float) -> None:
        """Move a time of a row back by this many days."""
        self.execute(
            f"UPDATE {table} SET {column} = now() - make_interval(secs => %s) WHERE id = %s",
            [days * 86_400, id_],
        )

    def has(self, table: str, id_: Any) -> bool:
        return self.rows.get(table, id_, "1") is not None

    def counts(self) -> dict[str, int]:
        """The number of rows of each table."""
        tables = [name for (name,) in self.execute(TABLES).fetchall()]
        return {name: self.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}

    def purge(self, *arguments: str, **environment: str) -> Any:
        """Run the command, without pauses unless told otherwise."""
        return manage(
            "purge", "--pause", "0", *arguments, **database_environment(self.name), **environment
        )

    def purged(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Run it, check that it succeeds, and return the outcome."""
        result = self.purge("--json", *arguments, **environment)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def connect(self) -> psycopg.Connection:
        """Open a session of somebody else, as a context manager."""
        return psycopg.connect(**server_parameters(), dbname=self.name)

    def purging(self, *arguments: str) -> Any:
        """Start it, and continue, as a context manager."""
        return running_manage("purge", *arguments, **database_environment(self.name))


@pytest.fixture
def platform(migrated, db) -> Iterator[Platform]:
    parameters = {**server_parameters(), "options": "-c search_path=public,django"}
    with (
        scratch_database(f'TEMPLATE "{migrated}"') as name,
        psycopg.connect(**parameters, dbname=name, autocommit=True) as session,
    ):
        cursor = session.cursor()
        yield Platform(name, session, Rows(cursor, catalog.read(cursor)))


def deleted(outcome: dict[str, Any]) -> dict[str, int]:
    """How many rows were deleted, by table."""
    return {name: count["deleted"] for name, count in outcome["tables"].items() if count["deleted"]}
