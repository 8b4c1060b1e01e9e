"""Every hot query uses an index, and touches no more buffers as the platform grows."""

import pytest

from benchmarks.queries import plans, sizes
from benchmarks.queries.catalogue import QUERIES
from tests.queries.conftest import LARGE, SMALL, SOLID_STATE, parameters

#: The allowed growth of a read if tables grow fourfold: a level of each b-tree, other parameters.
FACTOR, PAGES, PAGES_OF_A_ROW = 1.5, 4, 2
#: The maximum of buffers of a read, for any user: a read returns at most a hundred rows.
MOST = 1_000

LIKES, PAGE = 3_000, 50

SEARCH = "search by part of a title"


def test_a_read_scans_indexes_only(platform, read, cost):
    platform.assume(cost)

    touched = sizes.touched(platform.connection, read)

    assert touched["sequential"] == []


def test_a_write_uses_an_index(platform, write, cost):
    platform.assume(cost)
    rows = parameters(platform, write, 3)

    for statement in write.statements("v1"):
        for plan in plans.explain(platform.connection, statement, rows):
            assert plan.sequential == [], statement


def test_a_read_touches_no_more_on_a_larger_platform(platform, read):
    small, large = (platform.touched[users][read.name] for users in (SMALL, LARGE))

    # For each returned row, because on a larger platform playlists and histories are longer, and a
    # read returns more rows, up to the page's size.
    assert large["for_a_row"] <= small["for_a_row"] * FACTOR + PAGES_OF_A_ROW
    assert large["for_a_row_p95"] <= small["for_a_row_p95"] * FACTOR + PAGES_OF_A_ROW
    assert large["most"] <= MOST


def test_a_search_touches_no_more_on_a_larger_platform(platform):
    small, large = (platform.touched[users][SEARCH] for users in (SMALL, LARGE))

    # In total, because few titles match in the smaller one.
    assert large["buffers"] <= small["buffers"] * FACTOR + PAGES
    assert large["p95"] <= small["p95"] * FACTOR + PAGES


def test_a_page_of_likes_costs_the_same_for_any_number_of_likes(platform):
    platform.assume(SOLID_STATE)
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

            # A like and its track, each through an index; some tracks are deleted.
            assert plan.buffers <= PAGE * 8, name


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("idx_tracks_created_at", "newest tracks, first page"),
        ("idx_tracks_weekly_play_count", "top tracks of 7 days"),
        ("idx_tracks_title_word2", SEARCH),
    ],
)
def test_a_missing_index_is_noticed(platform, index, name):
    platform.assume(SOLID_STATE)
    read = next(query for query in QUERIES if query.name == name)
    with platform.connection.transaction(force_rollback=True):
        platform.connection.execute(f"DROP INDEX {index}")

        touched = sizes.touched(platform.connection, read)

    assert touched["sequential"] == ["tracks"]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_there_are_parameters_for_every_query(platform, query):
    assert parameters(platform, query)
