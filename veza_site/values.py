"""Parses the values of settings. Each parser raises `ValueError` with what is needed."""

from collections.abc import Callable

MOST_DAYS = 36_500
#: PostgreSQL stores timeouts as 32 bits of milliseconds.
MOST_SECONDS = 2_147_483
MOST_MINUTES = 525_600

LEAST_TOKEN = 16

YES = ("1", "true", "t", "yes", "y", "on")
NO = ("0", "false", "f", "no", "n", "off")


def flag(value: str) -> bool:
    """On or off."""
    if value.lower() not in (*YES, *NO):
        raise ValueError("1 or 0 is needed")
    return value.lower() in YES


def integer(least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """A parser of whole numbers in this range; `unit` is for the error."""

    def parse(value: str) -> int:
        value = value.strip()
        if not (value.isascii() and value.isdecimal()) or not least <= int(value) <= most:
            raise ValueError(f"a whole number{_of(unit)} from {least} to {most} is needed")
        return int(value)

    return parse


def number(least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """A parser of numbers in this range; `unit` is for the error."""

    def parse(value: str) -> float:
        try:
            if least <= (parsed := float(value)) <= most:
                return parsed
        except ValueError:
            pass
        raise ValueError(f"a number{_of(unit)} from {least} to {most} is needed")

    return parse


def optional[T](parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A parser for which an empty value is None: never, or no limit."""

    def parse_or_none(value: str) -> T | None:
        try:
            return parse(value) if value else None
        except ValueError as error:
            raise ValueError(f"{error}, or nothing") from None

    return parse_or_none


def _of(unit: str) -> str:
    return f" of {unit}" if unit else ""


def text(value: str) -> str:
    """A text that must not be blank."""
    if not value.strip():
        raise ValueError("it is set but blank: give it a value, or unset it")
    return value.strip()


def names(value: str) -> list[str]:
    """Names that commas separate, without spaces around them."""
    return [name for part in value.split(",") if (name := part.strip())]


def token(value: str) -> str:
    """A token, or none, but not one that is easy to guess."""
    if value and len(value.strip()) < LEAST_TOKEN:
        raise ValueError(f"{LEAST_TOKEN} random characters or more are needed, or none")
    return value


def key(value: str) -> str:
    """A key that SECRET_KEY_FALLBACKS can contain later."""
    if "," in value:
        raise ValueError(
            "it contains a comma, which separates the keys of SECRET_KEY_FALLBACKS: choose another"
        )
    return value.strip()


def log_format(value: str) -> str:
    """The name of a format of the log."""
    if value not in ("text", "json"):
        raise ValueError("text or json is needed")
    return value


#: What several settings need.
DAYS = integer(0, MOST_DAYS, "days")
POSITIVE = integer(1, 1_000_000)
MINUTES = integer(1, MOST_MINUTES, "minutes")
SECONDS = number(0.001, MOST_SECONDS, "seconds")
DAYS_OR_NEVER = optional(DAYS)
SECONDS_OR_NONE = optional(SECONDS)
SEVERAL = integer(1, 1000)
