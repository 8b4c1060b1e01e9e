"""The reasons that staff give most: a form offers them, beside a field for all others."""

from collections.abc import Sequence

from ..display import declared

#: Between a usual reason and what was typed beside it.
THEN = ": "


def usual_reasons(table: str, action: str) -> Sequence[str]:
    """What the apps declare for an action (`AppConfig.reasons`).

    By `users.ban`, or else by `restore`: on any table. Empty where nothing is declared.
    """
    known: dict[str, Sequence[str]] = declared("reasons")
    return known.get(f"{table}.{action}") or known.get(action, ())


def joined(usual: str, typed: str) -> str:
    """The reason: a usual one, and what was typed beside it; one alone where that is all."""
    if not usual or typed.startswith(usual):
        return typed
    return f"{usual}{THEN}{typed}" if typed else usual
