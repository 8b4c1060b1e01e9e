"""Random numbers by row number. They depend only on the set, the table, the column and the row."""

from functools import cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

type Integers = NDArray[np.int64]
type Floats = NDArray[np.float64]
type Bits = NDArray[np.uint64]
type Flags = NDArray[np.bool_]
type Octets = NDArray[np.uint8]

# SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014): it
# computes its n-th number without the earlier ones.
STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

VERSION_MASK, VERSION_4 = np.uint64(0xFFFFFFFFFFFF0FFF), np.uint64(0x4000)
VARIANT_MASK, VARIANT = np.uint64(0x3FFFFFFFFFFFFFFF), np.uint64(0x8000000000000000)


@cache
def _key(*parts: str) -> np.uint64:
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest))


class Draws:
    """The numbers of one table. `what` names a column, or another purpose."""

    def __init__(self, set_key: str, table: str) -> None:
        self.set_key = set_key
        self.table = table

    def bits(self, what: str, rows: Integers) -> Bits:
        """64 random bits for each row."""
        mixed = rows.astype(np.uint64)
        mixed *= STEP
        mixed += _key(self.set_key, self.table, what)
        mixed ^= mixed >> np.uint64(30)
        mixed *= FIRST
        mixed ^= mixed >> np.uint64(27)
        mixed *= SECOND
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def fraction(self, what: str, rows: Integers) -> Floats:
        """Numbers from 0 to 1, without 1."""
        return (self.bits(what, rows) >> np.uint64(11)) * np.float64(2.0**-53)

    def below(self, what: str, rows: Integers, limit: int | Integers) -> Integers:
        """Integers from 0 to the limit, without the limit, which is at most 2^31."""
        bits = self.bits(what, rows) >> np.uint64(32)
        product = bits * np.asarray(limit, dtype=np.uint64)
        return (product >> np.uint64(32)).astype(np.int64)

    def chance(self, what: str, rows: Integers, probability: float) -> Flags:
        """True for this share of the rows."""
        return self.fraction(what, rows) < probability

    def uuids(self, rows: Integers) -> Octets:
        """The ids of the rows, 16 bytes each, in the form of version 4."""
        words = np.empty((len(rows), 2), dtype=">u8")
        words[:, 0] = self.bits("id, first half", rows) & VERSION_MASK | VERSION_4
        words[:, 1] = self.bits("id, second half", rows) & VARIANT_MASK | VARIANT
        return words.view(np.uint8)
