"""Check constraints that many tables share, named `chk_<table>_<what>` (Standard, rule 4)."""

from django.db.models import CheckConstraint, Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual


def non_negative(table: str, column: str) -> CheckConstraint:
    """`column >= 0`; a NULL passes."""
    return CheckConstraint(condition=Q(**{f"{column}__gte": 0}), name=f"chk_{table}_{column}")


def positive(table: str, column: str) -> CheckConstraint:
    """`column > 0`; a NULL passes."""
    return CheckConstraint(condition=Q(**{f"{column}__gt": 0}), name=f"chk_{table}_{column}")


def at_least_characters(table: str, column: str, count: int) -> CheckConstraint:
    """`length(column) >= count`, in characters."""
    return CheckConstraint(
        condition=GreaterThanOrEqual(Length(column), count), name=f"chk_{table}_{column}_length"
    )


def characters_between(table: str, column: str, least: int, most: int) -> CheckConstraint:
    """`least <= length(column) <= most`, in characters."""
    return CheckConstraint(
        condition=Q(GreaterThanOrEqual(Length(column), least))
        & Q(LessThanOrEqual(Length(column), most)),
        name=f"chk_{table}_{column}_length",
    )


#: The condition of every unique index of a soft-delete table (Standard, rule 5).
LIVE = Q(deleted_at__isnull=True)
