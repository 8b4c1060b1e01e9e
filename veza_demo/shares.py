"""Skewed shares: how many of the slots (plays, likes, …) each thing gets, exactly, by formula.

The things up to rank r out of n have slots × ((r + 1) / n)^(1/power) slots, which is close to
Zipf's law. With power 4, one percent of the tracks has a third of all plays. Multiplication and
square roots are exact in IEEE 754. So every machine gets the same counts, and nobody needs to count
rows, or store counters.
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
        """Which thing has the slot."""
        position = (slots + 0.5) / max(self.slots, 1)
        grown = position
        for _ in range(self.power - 1):
            grown = grown * position
        return np.minimum((grown * self.things).astype(np.int64), self.things - 1)

    def first(self, ranks: Integers) -> Integers:
        """The first slot of each thing; of `things` itself, the number of slots."""
        guess = (ranks / self.things) ** (1 / self.power) * self.slots
        slots = np.clip(guess.astype(np.int64), 0, self.slots)
        # The guess may be off by rounding: `rank` decides.
        while (lower := (slots > 0) & (self.rank(slots - 1) >= ranks)).any():
            slots -= lower
        while (higher := (slots < self.slots) & (self.rank(slots) < ranks)).any():
            slots += higher
        return slots

    def count(self, ranks: Integers) -> Integers:
        """How many slots each thing has."""
        return self.first(ranks + 1) - self.first(ranks)

    def most(self) -> int:
        """How many slots the first thing has."""
        return int(self.count(np.zeros(1, dtype=np.int64))[0])


def strongest_shares(things: int, slots: int, most: int) -> Shares | None:
    """The strongest skew with at most `slots` slots for each thing; None if there is none."""
    for power in POWERS:
        shares = Shares(things, slots, power)
        if shares.most() <= most:
            return shares
    return None


class Shuffle:
    """The numbers below `size` in another order, by formulas in both directions."""

    def __init__(self, size: int) -> None:
        self.size = max(size, 1)
        # Steps of the golden ratio spread any run of numbers evenly.
        self.factor = max(1, int(self.size * 0.6180339887498949))
        while gcd(self.factor, self.size) != 1:
            self.factor += 1
        self.inverse = pow(self.factor, -1, self.size) if self.size > 1 else 0

    def there(self, numbers: Integers) -> Integers:
        """Where each number goes."""
        return numbers * self.factor % self.size

    def back(self, numbers: Integers) -> Integers:
        """Where each number came from."""
        return numbers * self.inverse % self.size


def distinct(numbers: Integers, count: Integers, start: Floats, pool: Integers | int) -> Integers:
    """The `numbers`-th of `count` different members of a pool, the first members more often.

    `start` (0 to 1) makes two choices differ. `count` is at most `pool`.
    """
    position = (numbers + start) / count
    return numbers + ((pool - count) * (position * position)).astype(np.int64)
