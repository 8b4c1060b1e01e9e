"""Numbers with what they count, and lists of names that end early."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str = "") -> str:
    """As in "1 row", "1,000 rows" and, with the plural given, "2 indexes"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def listed(things: Iterable[object], most: int) -> str:
    """The first things, and the number of the others, as in "a, b and 3 more"."""
    names = list(map(str, things))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
