"""Numbers with what they count."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """As in "1 row", "1,000 rows" and, with the plural given, "2 indexes"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
