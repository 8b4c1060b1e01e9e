"""Rows as functions of their numbers: no database needed."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from veza_demo.counts import MAX_ROWS, SCALES, CountError, choose_counts
from veza_demo.draws import Draws
from veza_demo.load import CHUNK, chunk_as_binary
from veza_demo.shares import POWERS, Shares, Shuffle, distinct, strongest_shares
from veza_demo.tables import WRITERS, Rows
from veza_demo.tables.accounts import users
from veza_demo.tables.analytics import PERCENTAGES
from veza_demo.world import ImpossibleError, World

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROLES = [UUID(int=number) for number in (1, 2, 3)]


def world(scale="small", seed=1, now=NOW, addition=0, **counts):
    return World(seed, now, choose_counts(scale, **counts), ROLES, addition)


def rows_of(some_world, table, first, last):
    return chunk_as_binary(some_world, table, range(first, last))[1]


@pytest.mark.parametrize("table", WRITERS)
def test_a_row_does_not_depend_on_its_chunk(table):
    last = min(world().rows[table], 120)
    together = rows_of(world(), table, 0, last)
    assert together == b"".join(
        rows_of(world(), table, first, min(first + 40, last)) for first in range(0, last, 40)
    )


@pytest.mark.parametrize("table", WRITERS)
def test_what_decides_the_rows(table):
    same, others = world(), [world(seed=2), world(addition=1), world(users=501)]
    later = world(now=datetime(2026, 6, 2, tzinfo=UTC))
    rows = rows_of(world(), table, 0, 10)
    assert rows_of(same, table, 0, 10) == rows
    for other in (*others, later):
        assert rows_of(other, table, 0, 10) != rows


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("table", WRITERS)
def test_every_scale_writes_its_first_and_last_rows(scale, table):
    demo = world(scale)
    rows = demo.rows[table]
    assert rows_of(demo, table, 0, 8)
    assert rows_of(demo, table, rows - 8, rows)


def test_ids_are_of_version_4_and_all_different():
    octets = Draws("a", "users").uuids(np.arange(50_000))
    ids = {UUID(bytes=bytes(line)) for line in octets}
    assert len(ids) == 50_000
    assert {one.version for one in ids} == {4}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("things", "slots"), [(1, 0), (1, 7), (7, 1), (100, 1_000), (1_000, 33)])
def test_shares_match_an_exact_count(power, things, slots):
    shares = Shares(things, slots, power)
    ranks = shares.rank(np.arange(slots))
    counted = np.bincount(ranks, minlength=things) if slots else np.zeros(things)
    assert (shares.count(np.arange(things)) == counted).all()


def test_shares_of_many_are_exact_where_they_are_looked_at():
    shares = Shares(5_000_000, 200_000_000, 4)
    ranks = np.concatenate([np.arange(1_000), np.arange(4_999_000, 5_000_000)])
    first = shares.first(ranks)
    assert (shares.rank(first) >= ranks).all()
    assert (shares.rank(first[1:] - 1) < ranks[1:]).all()


def test_the_strongest_skew_that_fits():
    assert strongest_shares(100, 1_000, 1_000).power == 4
    assert strongest_shares(100, 1_000, 12).power == 1
    assert strongest_shares(100, 1_000, 9) is None


@pytest.mark.parametrize("size", [1, 2, 3, 10, 997, 1_000, 4_096])
def test_a_shuffle_is_a_permutation_and_can_be_inverted(size):
    shuffle = Shuffle(size)
    numbers = np.arange(size)
    assert set(shuffle.place_of(numbers)) == set(range(size))
    assert (shuffle.number_at(shuffle.place_of(numbers)) == numbers).all()


@pytest.mark.parametrize(("count", "pool"), [(1, 1), (5, 5), (5, 6), (10, 1_000), (400, 401)])
@pytest.mark.parametrize("start", [0.0, 0.5, 0.999999])
def test_distinct_ones_are_distinct_and_in_the_pool(count, pool, start):
    numbers = np.arange(count)
    chosen = distinct(numbers, np.full(count, count), np.full(count, start), np.full(count, pool))
    assert len(set(chosen)) == count
    assert chosen.min() >= 0
    assert chosen.max() < pool


def test_percentages_are_all_there():
    assert len(PERCENTAGES) == 10_001


@pytest.mark.parametrize(
    "counts", [{"users": 99}, {"tracks": -1}, {"plays": -1}, {"users": 10**12}, {"playlists": 0}]
)
def test_counts_that_cannot_be(counts):
    (name,) = counts
    with pytest.raises(CountError, match=f"--{name}"):
        choose_counts("small", **counts)


def test_more_likes_than_users_can_give():
    with pytest.raises(ImpossibleError, match="--likes"):
        world(likes=100_000_000)


def test_a_username_has_30_characters_at_most():
    demo = world(users=MAX_ROWS, addition=1)
    last = np.arange(MAX_ROWS - 5_000, MAX_ROWS)
    username = users(Rows(demo, "users", last))["username"]
    assert username.lengths().max() == 30


def test_chunks_hold_whole_threads():
    """A reply in another chunk could be inserted before its parent."""
    assert CHUNK % 4 == 0
