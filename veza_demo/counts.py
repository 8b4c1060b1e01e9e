"""How many rows each table gets, and the functions in `tables/` that write them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

#: Users, tracks, playlists, plays, likes, comments.
SCALES = {
    "small": (500, 2_000, 250, 10_000, 2_000, 1_000),
    "medium": (20_000, 100_000, 10_000, 500_000, 100_000, 25_000),
    "large": (1_000_000, 5_000_000, 500_000, 20_000_000, 4_000_000, 1_000_000),
}

#: With fewer users, some states would not appear, and some users would own nothing.
LEAST = {"users": 100, "tracks": 50, "playlists": 10, "plays": 0, "likes": 0, "comments": 0}
#: Row numbers are multiplied with each other, in 63 bits.
MAX_ROWS = 200_000_000

#: The comments of a thread: replies come right after the comment that they reply to.
THREAD = 4


class CountError(ValueError):
    """An impossible count; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of the tables with a given number; all others follow from them."""

    users: int
    tracks: int
    playlists: int
    plays: int
    likes: int
    comments: int

    @property
    def staff(self) -> int:
        """The number of staff, who are the first users; four have known addresses."""
        return 6 + min(self.users // 500, 500)

    @property
    def threads(self) -> int:
        """Groups of comments on one track."""
        return self.comments // THREAD


def choose_counts(scale: str, **explicit: int | None) -> Counts:
    """Return the counts of a scale; the given counts replace its own.

    Raises `CountError` for a number that is too small or too large.
    """
    given = {name: number for name, number in explicit.items() if number is not None}
    for name, number in given.items():
        if number < LEAST[name]:
            raise CountError(f"--{name} {number}: at least {LEAST[name]:,}")
        if number > MAX_ROWS:
            raise CountError(f"--{name} {number}: at most {MAX_ROWS:,}")
    return replace(Counts(*SCALES[scale]), **given)


#: Gets rows of the table (`tables.base.Rows`), and returns their columns.
type Writer = Callable[[Any], dict[str, Any]]

#: The function that writes a table's columns, by the table's name.
WRITERS: dict[str, Writer] = {}
#: The number of a table's rows.
ROWS: dict[str, Callable[[Counts], int]] = {}


def table(rows: Callable[[Counts], int]) -> Callable[[Writer], Writer]:
    """Mark the function that writes the columns of the table with its name.

    `rows` returns the number of the table's rows from the counts of the set.
    """

    def register(writer: Writer) -> Writer:
        WRITERS[writer.__name__] = writer
        ROWS[writer.__name__] = rows
        return writer

    return register


def rows_of_tables(counts: Counts) -> dict[str, int]:
    """Rows by table. roles, permissions and role_permissions have the migrations' rows."""
    return {table: rows(counts) for table, rows in ROWS.items()}
