"""Numbers with what they count."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """As in "1 row", "1,000 rows" and, with a plural of its own, "0 indices"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
