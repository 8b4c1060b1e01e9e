"""Skewed shares: formulas for the exact number of slots (plays, likes, …) that each thing gets.

The things up to rank r out of n have slots × ((r + 1) / n)^(1/power) slots, which is close to
Zipf's law. With power 4, one percent of the tracks has a third of all plays. Multiplication and
square roots are exact in IEEE 754. So every machine computes the same counts, and no rows or
counters need to be read.
"""

from math import gcd

import numpy as np

from .draws import Floats, Integers

#: The skews to try, from the strongest.
POWERS = (4, 3, 2, 1)


class Shares:
    """`slots` distributed over `things`; rank 0 has the most."""

    def __init__(self, things: int, slots: int, power: int) -> None:
        self.things = things
        self.slots = slots
        self.power = power

    def rank(self, slots: Integers) -> Integers:
        """Return the thing that has the slot."""
        position = (slots + 0.5) / max(self.slots, 1)
        grown = position
        for _ in range(self.power - 1):
            grown = grown * position
        return np.minimum((grown * self.things).astype(np.int64), self.things - 1)

    def first(self, ranks: Integers) -> Integers:
        """Return the first slot of each thing; for `things` itself, the number of slots."""
        guess = (ranks / self.things) ** (1 / self.power) * self.slots
        slots = np.clip(guess.astype(np.int64), 0, self.slots)
        # The estimate may be wrong by rounding: `rank` decides.
        while (lower := (slots > 0) & (self.rank(slots - 1) >= ranks)).any():
            slots -= lower
        while (higher := (slots < self.slots) & (self.rank(slots) < ranks)).any():
            slots += higher
        return slots

    def count(self, ranks: Integers) -> Integers:
        return self.first(ranks + 1) - self.first(ranks)

    def most(self) -> int:
        """The number of slots of the first thing."""
        return int(self.count(np.zeros(1, dtype=np.int64))[0])


def strongest_shares(things: int, slots: int, most: int) -> Shares | None:
    """Return the strongest skew with at most `most` slots for each thing; None if there is none."""
    for power in POWERS:
        shares = Shares(things, slots, power)
        if shares.most() <= most:
            return shares
    return None


class Shuffle:
    """The numbers below `size` in another order, with a formula for each direction."""

    def __init__(self, size: int) -> None:
        self.size = max(size, 1)
        # Steps of the golden ratio distribute consecutive numbers evenly.
        self.factor = max(1, int(self.size * 0.6180339887498949))
        while gcd(self.factor, self.size) != 1:
            self.factor += 1
        self.inverse = pow(self.factor, -1, self.size) if self.size > 1 else 0

    def place_of(self, numbers: Integers) -> Integers:
        return numbers * self.factor % self.size

    def number_at(self, numbers: Integers) -> Integers:
        return numbers * self.inverse % self.size


def distinct(numbers: Integers, count: Integers, start: Floats, pool: Integers | int) -> Integers:
    """Choose `count` different members of a pool, the first ones more often; return the
    `numbers`-th.

    `start` (0 to 1) makes two choices differ. `count` is at most `pool`.
    """
    position = (numbers + start) / count
    return numbers + ((pool - count) * (position * position)).astype(np.int64)
