"""Usual reasons for actions: a form offers them, beside a field for all others."""

from collections.abc import Sequence

from ..display import declared

#: Between a usual reason and the typed text.
THEN = ": "


def usual_reasons(table: str, action: str) -> Sequence[str]:
    """The reasons that apps declare for an action (`AppConfig.reasons`).

    They are found by `users.ban`, or otherwise by `restore`, for any table. Empty if none are
    declared.
    """
    known: dict[str, Sequence[str]] = declared("reasons")
    return known.get(f"{table}.{action}") or known.get(action, ())


def joined(usual: str, typed: str) -> str:
    """The reason: a usual one, the typed text, or both."""
    if not usual or typed.startswith(usual):
        return typed
    return f"{usual}{THEN}{typed}" if typed else usual
