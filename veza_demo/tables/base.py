"""Helpers that write the columns of any table for some of its rows."""

import numpy as np

from veza_demo.binary import (
    Choices,
    PackedColumn,
    Piece,
    addresses,
    hexadecimal,
    octets,
    text,
    timestamp,
)
from veza_demo.draws import Flags, Floats, Integers
from veza_demo.world import World

type Columns = dict[str, PackedColumn]


class Rows:
    """Some rows of a table, by their numbers, with their random values."""

    def __init__(self, world: World, table: str, numbers: Integers) -> None:
        self.world = world
        self.table = table
        self.numbers = numbers
        self.draws = world.draws(table)
        self.total = world.rows[table]

    def fraction(self, what: str) -> Floats:
        return self.draws.fraction(what, self.numbers)

    def below(self, what: str, limit: int | Integers) -> Integers:
        return self.draws.below(what, self.numbers, limit)

    def chance(self, what: str, probability: float) -> Flags:
        return self.draws.chance(what, self.numbers, probability)

    def choose(self, what: str, choices: Choices) -> Piece:
        return choices.take(self.below(what, len(choices)))

    def choose_skewed(self, what: str, choices: Choices) -> Piece:
        """One of the choices for each row, the first ones more often."""
        fractions = self.fraction(what)
        return choices.take((fractions * fractions * len(choices)).astype(np.int64))

    def refer(self, table: str, numbers: Integers) -> PackedColumn:
        """Return the ids of rows of a table."""
        return octets(self.world.draws(table).uuids(numbers))

    def hexadecimal(self, what: str) -> Piece:
        """16 random hexadecimal digits."""
        return hexadecimal(self.draws.bits(what, self.numbers)[:, None].view(np.uint8))

    def token_hash(self) -> PackedColumn:
        """64 hexadecimal digits, as in a SHA-256 hash."""
        values = [self.draws.bits(f"token {part}", self.numbers) for part in range(4)]
        return text(hexadecimal(np.stack(values, axis=1).view(np.uint8)))

    def address(self) -> PackedColumn:
        """The IP address of a client; one in eight is IPv6."""
        values = [self.draws.bits(f"address {part}", self.numbers) for part in range(2)]
        tens = np.stack(values, axis=1).view(np.uint8)[:, :10]
        return addresses(tens, self.chance("address version", 0.125))

    def lately(self, start: Integers, end: Integers, days: int = 30) -> Integers:
        return self.world.lately(self.table, self.numbers, start, end, days)

    def between(self, start: Integers, end: Integers, what: str = "time") -> Integers:
        return self.world.between(self.table, self.numbers, start, end, what)

    def in_order(self, start: Integers, end: Integers) -> Integers:
        """A time from `start` to `end`, later for later rows; most are near the end."""
        rest = 1 - (self.numbers + self.fraction("time")) / self.total
        return end - ((end - start) * (rest * rest)).astype(np.int64)

    def key(self) -> Columns:
        return {"id": self.refer(self.table, self.numbers)}

    def removable(self, created: Integers, end: Integers, deleted: Flags) -> Columns:
        """The three times of a row that may be soft deleted, at `end` at the latest."""
        gone = self.between(created, end, "deleted at")
        return {
            **self.times(created, np.where(deleted, gone, created)),
            "deleted_at": sometimes(gone, deleted),
        }

    def times(self, created: Integers, updated: Integers) -> Columns:
        """The two times that every table has; `updated` is never before `created`."""
        return {
            "created_at": timestamp(created),
            "updated_at": timestamp(np.maximum(created, updated)),
        }


def duration(world: World, tracks: Integers) -> Integers:
    """The duration of the tracks in milliseconds, from one to eight minutes."""
    fractions = world.draws("tracks").fraction("duration", tracks)
    return 60_000 + (fractions * fractions * 420_000).astype(np.int64)


def sometimes(times: Integers, when: Flags) -> PackedColumn:
    """The times for these rows, NULL for the others."""
    return timestamp(times).unless(~when)
