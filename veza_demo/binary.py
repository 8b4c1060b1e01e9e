"""Columns in PostgreSQL's binary form, and rows of them for `COPY … (FORMAT binary)`.

A column is a matrix of bytes with a line for each row. If the values differ in length, a mask says
which bytes of a line belong to the value. (See PostgreSQL's documentation of COPY, "Binary Format".
Each type has the format of its `*_recv` function.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from psycopg import adapters
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

from .draws import Flags, Integers, Octets

#: From 1970, where our microseconds begin, to 2000, where PostgreSQL's begin.
EPOCH = 946_684_800_000_000
EPOCH_DAYS = 10_957

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

HEX = np.frombuffer(b"".join(b"%02x" % octet for octet in range(256)), np.uint8).reshape(256, 2)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of each value: a line of bytes for each row, and which of them count (None: all)."""

    octets: Octets
    mask: Flags | None = None

    def only(self, rows: Flags) -> "Piece":
        """Return the piece for these rows only; the others get nothing."""
        mask = np.broadcast_to(rows[:, None], self.octets.shape)
        return Piece(self.octets, mask if self.mask is None else self.mask & mask)


@dataclass(frozen=True, slots=True)
class PackedColumn:
    """One value for each row, made of pieces; `null` marks the rows that have NULL."""

    pieces: tuple[Piece, ...]
    null: Flags | None = None

    def unless(self, null: Flags) -> "PackedColumn":
        """Return the same column, with NULL also in these rows."""
        return PackedColumn(self.pieces, null if self.null is None else self.null | null)

    @property
    def width(self) -> int:
        return sum(piece.octets.shape[1] for piece in self.pieces)

    def lengths(self) -> Integers | int:
        fixed = sum(piece.octets.shape[1] for piece in self.pieces if piece.mask is None)
        masks = [piece.mask for piece in self.pieces if piece.mask is not None]
        return sum((mask.sum(axis=1) for mask in masks), start=fixed)


class Choices:
    """Values that are encoded once, and chosen by number."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.width = max(map(len, values))
        padded = b"".join(value.ljust(self.width, b"\0") for value in values)
        self.octets = np.frombuffer(padded, np.uint8).reshape(len(values), self.width)
        lengths = np.array([len(value) for value in values])
        self.mask = np.arange(self.width) < lengths[:, None]
        self.even = bool(self.mask.all())

    def __len__(self) -> int:
        return len(self.octets)

    def take(self, numbers: Integers) -> Piece:
        numbers = numbers % len(self)
        return Piece(self.octets[numbers], None if self.even else self.mask[numbers])


def words(values: Sequence[str]) -> Choices:
    """Text to choose from."""
    return Choices([value.encode() for value in values])


def encoded(type_name: str, values: Sequence[object]) -> Choices:
    """Values of a type such as `jsonb` or `varchar[]` to choose from, as psycopg encodes them."""
    transformer = Transformer()
    transformer.set_dumper_types([adapters.types.get_oid(type_name)], Format.BINARY)
    dumped = [transformer.dump_sequence([value], [PyFormat.BINARY])[0] for value in values]
    return Choices([bytes(value) for value in dumped if value is not None])


def _numbers(values: np.ndarray, form: str) -> PackedColumn:
    encoded = np.ascontiguousarray(values, dtype=form)
    return PackedColumn((Piece(encoded.view(np.uint8).reshape(len(values), -1)),))


smallint, integer, bigint = (partial(_numbers, form=form) for form in (">i2", ">i4", ">i8"))
boolean = partial(_numbers, form="u1")


def timestamp(microseconds: Integers) -> PackedColumn:
    """TIMESTAMPTZ, from microseconds since 1970."""
    return _numbers(microseconds - EPOCH, ">i8")


def date(days: Integers) -> PackedColumn:
    """DATE, from days since 1970."""
    return _numbers(days - EPOCH_DAYS, ">i4")


def octets(values: Octets) -> PackedColumn:
    """UUID, or another value of a fixed length that is already in its binary form."""
    return PackedColumn((Piece(values),))


def text(*pieces: Piece | str) -> PackedColumn:
    """TEXT, VARCHAR and enums: the pieces, concatenated; at least one is not a `str`."""
    rows = next(len(piece.octets) for piece in pieces if isinstance(piece, Piece))
    return PackedColumn(
        tuple(piece if isinstance(piece, Piece) else _constant(piece, rows) for piece in pieces)
    )


def _constant(value: str, rows: int) -> Piece:
    encoded = np.frombuffer(value.encode(), np.uint8)
    return Piece(np.broadcast_to(encoded, (rows, len(encoded))))


def digits(values: Integers, most: int) -> Piece:
    """Integers as text; `most` is the largest possible one."""
    places = len(str(most))
    powers = 10 ** np.arange(places - 1, -1, -1)
    figures = values[:, None] // powers
    mask = figures > 0
    mask[:, -1] = True
    return Piece((figures % 10 + ord("0")).astype(np.uint8), mask)


def hexadecimal(values: Octets) -> Piece:
    """Bytes as hexadecimal text."""
    return Piece(HEX[values].reshape(len(values), -1))


def addresses(values: Octets, version_6: Flags) -> PackedColumn:
    """INET from 10 random bytes for each row: 10.0.0.0/8, or 2001:db8::/32 (for documentation)."""
    rows = len(values)
    encoded = np.empty((rows, 20), dtype=np.uint8)
    encoded[:, :5] = (2, 32, 0, 4, 10)
    encoded[:, 5:8] = values[:, :3]
    encoded[version_6, :8] = (3, 128, 0, 16, 0x20, 0x01, 0x0D, 0xB8)
    encoded[:, 8:10] = 0
    encoded[:, 10:] = values
    mask = np.broadcast_to(version_6[:, None], (rows, 20)).copy()
    mask[:, :8] = True
    return PackedColumn((Piece(encoded, mask),))


def pack(columns: Sequence[PackedColumn]) -> bytes:
    """Return the rows, without the header and the trailer of COPY."""
    rows = len(columns[0].pieces[0].octets)
    width = 2 + sum(4 + column.width for column in columns)
    lines = np.empty((rows, width), dtype=np.uint8)
    keep = np.ones((rows, width), dtype=np.bool_)
    lines[:, :2] = divmod(len(columns), 256)
    at = 2
    for column in columns:
        lengths = np.empty(rows, dtype=">i4")
        lengths[:] = column.lengths()
        if column.null is not None:
            lengths[column.null] = -1
            keep[column.null, at + 4 : at + 4 + column.width] = False
        lines[:, at : at + 4] = lengths.view(np.uint8).reshape(rows, 4)
        at += 4
        for piece in column.pieces:
            end = at + piece.octets.shape[1]
            lines[:, at:end] = piece.octets
            if piece.mask is not None:
                keep[:, at:end] &= piece.mask
            at = end
    return lines.tobytes() if keep.all() else lines[keep].tobytes()
