"""Every hot query is served by an index, and touches no more as the platform grows."""

import pytest

from benchmarks.queries import plans, sizes
from benchmarks.queries.catalogue import QUERIES
from tests.queries.conftest import LARGE, SMALL, SOLID_STATE, parameters

#: What may come to a read while tables grow fourfold: a level of each b-tree, and other samples.
FACTOR, PAGES = 1.5, 4
#: The same for the 95th of a hundred parameters, which are the keys of the heavy users.
HEAVY_FACTOR, HEAVY_PAGES = 1.5, 60
#: Pages for a row that is read, where a query reads more as more is there.
PAGES_OF_A_ROW = 4

LIKES, PAGE = 3_000, 50


def test_a_read_scans_indexes_only(platform, read, cost):
    platform.assume(cost)

    touched = sizes.touched(platform.connection, read)

    assert touched["sequential"] == []


def test_a_write_finds_its_rows_by_an_index(platform, write, cost):
    platform.assume(cost)
    rows = parameters(platform, write, 3)

    for statement in write.statements("v1"):
        for plan in plans.explain(platform.connection, statement, rows):
            assert plan.sequential == [], statement


def test_a_read_touches_no_more_on_a_larger_platform(platform, read):
    small, large = (platform.touched[users][read.name] for users in (SMALL, LARGE))

    if read.grows:
        assert large["per_row"] <= PAGES_OF_A_ROW
    else:
        assert large["buffers"] <= small["buffers"] * FACTOR + PAGES
        assert large["p95"] <= small["p95"] * HEAVY_FACTOR + HEAVY_PAGES


def test_a_page_of_likes_costs_a_page_whoever_likes_how_much(platform, cost):
    platform.assume(cost)
    by_name = {query.name: query for query in QUERIES}
    connection = platform.connection
    with connection.transaction(force_rollback=True):
        user = connection.execute("SELECT id FROM users ORDER BY created_at LIMIT 1").fetchone()[0]
        connection.execute(
            "INSERT INTO track_likes (user_id, track_id, created_at)"
            " SELECT %s, id, created_at FROM tracks LIMIT %s ON CONFLICT DO NOTHING",
            [user, LIKES],
        )
        connection.execute("ANALYZE track_likes")
        for name in ("tracks that a user likes", "which of 50 tracks are liked"):
            others = parameters(platform, by_name[name], 6)
            heavy = (str(user), *others[0][1:])
            statement = by_name[name].statements("v1")[0]

            *_, plan = plans.explain(connection, statement, [*others, heavy])

            # A like and its track, each through an index; some tracks are deleted ones.
            assert plan.buffers <= PAGE * 8, name


def test_a_missing_index_is_noticed(platform):
    platform.assume(SOLID_STATE)
    newest = next(query for query in QUERIES if query.name == "newest tracks, first page")
    with platform.connection.transaction(force_rollback=True):
        platform.connection.execute("DROP INDEX idx_tracks_created_at")

        touched = sizes.touched(platform.connection, newest)

    assert touched["sequential"] == ["tracks"]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_there_are_parameters_for_every_query(platform, query):
    assert parameters(platform, query)
