"""A platform at two sizes, and the buffers of the hot queries in each."""

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from benchmarks.queries import databases, samples, sizes
from benchmarks.queries.catalogue import QUERIES, READS
from benchmarks.server import Server
from tests.support import scratch_database

#: The number of users; there are about 55 times as many rows. In the larger platform, PostgreSQL
#: prefers an index to a sequential scan of each growing table.
SMALL, LARGE = 1_000, 4_000
#: random_page_cost: for solid-state disks (docs/adr/0005-indexes-of-the-hot-queries.md), and the
#: default.
SOLID_STATE, DEFAULT = 1.1, 4
#: Otherwise autovacuum could start in a long run, and its snapshot would keep dead rows.
WITHOUT_AUTOVACUUM = """
DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name); END LOOP;
END $$
"""
#: More rows for tables with few rows in the demo data: otherwise a sequential scan would be right.
FILLED = """
INSERT INTO playlists (user_id, title, created_at)
    SELECT id, 'playlist ' || n, created_at FROM users, generate_series(1, 5) AS n;
INSERT INTO rooms (creator_id, name, created_at)
    SELECT id, 'room ' || id || n, created_at FROM users, generate_series(1, 5) AS n;
INSERT INTO password_reset_tokens (user_id, token_hash, expires_at)
    SELECT id, md5(id::text), now() + interval '1 hour' FROM users
"""


@dataclass(frozen=True)
class Platform:
    """A seeded V1, which tests may change within a transaction that they roll back."""

    connection: psycopg.Connection[Any]
    #: The buffers of the reads, by users and by the query's name, at the cost of solid-state disks.
    touched: dict[int, dict[str, dict[str, Any]]]

    def assume(self, random_page_cost: float) -> None:
        self.connection.execute(f"SET random_page_cost = {random_page_cost}")


@pytest.fixture(scope="session")
def platform(migrated, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        server = Server()
        with psycopg.connect(databases.url(server, name), autocommit=True) as connection:
            platform = Platform(connection, {})
            platform.assume(SOLID_STATE)
            connection.execute(WITHOUT_AUTOVACUUM)
            for users in (SMALL, LARGE):
                databases.truncate(connection)
                databases.add_rows(server, name, users)
                platform.touched[users] = {
                    query.name: sizes.touched(connection, query) for query in READS
                }
            databases.add_heavy(connection, plays=2_000, tracks=100, jobs=2_000, tokens=2_000)
            connection.execute(FILLED)
            databases.settle(connection)
            yield platform


@pytest.fixture(params=READS, ids=lambda query: query.name)
def read(request):
    return request.param


@pytest.fixture(params=[q for q in QUERIES if q.writes], ids=lambda query: query.name)
def write(request):
    return request.param


@pytest.fixture(params=[SOLID_STATE, DEFAULT])
def cost(request):
    """Values of random_page_cost."""
    return request.param


def parameters(platform, query, count=10):
    """Rows of real parameters for the query."""
    return [samples.text(row) for row in samples.draw(platform.connection, query, count)]
