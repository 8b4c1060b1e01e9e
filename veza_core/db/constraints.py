"""Check constraints that many tables share, named `chk_<table>_<what>` (Standard, rule 4).

The models and V1's migrations call these functions, and those of `text_checks`, `value_checks` and
`indexes`. So what they return never changes after a release: `make lint` refuses it, because the
released SQL in `schema/` would change. For a different check, add a new function.
"""

from django.db.models import BooleanField, CheckConstraint, F, Func, Q, TextField
from django.db.models.functions import Cast, Length
from django.db.models.lookups import GreaterThanOrEqual, In, LessThanOrEqual


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


def different(table: str, column: str, other: str) -> CheckConstraint:
    """`column <> other`; a NULL passes."""
    condition = Func(
        F(column),
        F(other),
        arg_joiner=" <> ",
        template="%(expressions)s",
        output_field=BooleanField(),
    )
    return CheckConstraint(condition=condition, name=f"chk_{table}_{column}")


def one_of(table: str, column: str, values: list[str]) -> CheckConstraint:
    """`column` is one of the values; a NULL passes.

    For a VARCHAR column. It compares text, because PostgreSQL would store `varchar IN (…)` in a
    different form than it reads it back, and a restored backup would differ from the original.
    """
    return CheckConstraint(
        condition=In(Cast(F(column), TextField()), values), name=f"chk_{table}_{column}"
    )


#: The condition of every unique index of a soft-delete table (Standard, rule 5).
LIVE = Q(deleted_at__isnull=True)
