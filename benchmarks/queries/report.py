"""Ratios to V1, with their spread over the rounds, and the progress of a run."""

import statistics
import sys
from collections.abc import Sequence
from typing import Any


def step(what: str) -> None:
    """Print the current step to standard error."""
    print(f"… {what}", file=sys.stderr)


def ratios(query: dict[str, Any], schema: str, clients: int, figure: str = "p50") -> list[float]:
    """Return the schema's time over V1's, for each round."""
    others, ours = (figures(query, name, clients, figure) for name in (schema, "v1"))
    return [other / own for other, own in zip(others, ours, strict=True)]


def figures(query: dict[str, Any], schema: str, clients: int, figure: str) -> list[float]:
    """Return a figure of a schema with so many sessions, for each round."""
    return [
        one[figure]
        for one in query["rounds"]
        if one["schema"] == schema and one["clients"] == clients
    ]


def spread(values: Sequence[float]) -> str:
    """Return the median, with minimum and maximum in brackets."""
    return f"{_number(statistics.median(values))} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
