"""A database with V1 on which the jobs have run, for the tests of `status` and `/metrics`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support import database_environment, manage, scratch_database, server_parameters

JOBS = """
INSERT INTO django.veza_site_jobrun (job, finished_at, seconds, details)
SELECT job, now(), 1, '{}' FROM unnest('{backup_db,purge,count_weekly_plays}'::text[]) AS job
"""


class Platform:
    """A database on which all jobs have just run, and a session in it."""

    def __init__(self, name: str, session: psycopg.Connection) -> None:
        self.name, self.session = name, session
        session.execute(JOBS)

    def status(self, *arguments: str) -> Any:
        return manage("status", *arguments, **database_environment(self.name))

    def answers(self, code: int) -> dict[str, Any]:
        """The output of --json, in one line, after a check of the exit status."""
        result = self.status("--json")
        assert (result.returncode, result.stderr) == (code, ""), result.stdout
        assert result.stdout.count("\n") == 1
        return json.loads(result.stdout)


@pytest.fixture
def platform(migrated) -> Iterator[Platform]:
    with (
        scratch_database(f'TEMPLATE "{migrated}"') as name,
        psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session,
    ):
        yield Platform(name, session)


@contextmanager
def other_transaction(platform: Platform, *statements: str) -> Iterator[None]:
    with psycopg.connect(**server_parameters(), dbname=platform.name) as session:
        for statement in statements:
            session.execute(statement)
        yield
        session.rollback()
