"""Checks of times, arrays and JSON, named `chk_<table>_<column>`."""

from django.db.models import BooleanField, CheckConstraint, F, Func, TextField, Value
from django.db.models.lookups import Exact

#: A client without multidimensional arrays, or arrays with NULLs, cannot read such a row, nor a
#: list with it. The conditions are checked in this order, because the next one would raise its own
#: error.
PLAIN = (
    "array_ndims(%(expressions)s) = 1 AND array_lower(%(expressions)s, 1) = 1 "
    "AND array_position(%(expressions)s, NULL) IS NULL"
)


def _check(table: str, column: str, template: str) -> CheckConstraint:
    condition = Func(F(column), template=template, output_field=BooleanField())
    return CheckConstraint(condition=condition, name=f"chk_{table}_{column}")


def _array(table: str, column: str, condition: str) -> CheckConstraint:
    return _check(table, column, f"cardinality(%(expressions)s) = 0 OR {PLAIN} AND {condition}")


def labels(table: str, column: str, most: int) -> CheckConstraint:
    """A plain array of at most so many texts, none empty and none NULL."""
    return _array(
        table,
        column,
        f"cardinality(%(expressions)s) <= {most} AND array_position(%(expressions)s, '') IS NULL",
    )


def positive_numbers(table: str, column: str) -> CheckConstraint:
    """A plain array of numbers above 0, none NULL."""
    return _array(table, column, "0 < ALL (%(expressions)s)")


def json_object(table: str, column: str) -> CheckConstraint:
    """The JSON value is an object."""
    kind = Func(F(column), function="jsonb_typeof", output_field=TextField())
    return CheckConstraint(condition=Exact(kind, Value("object")), name=f"chk_{table}_{column}")


def day(table: str, column: str) -> CheckConstraint:
    """A date in the years 1 to 9999, like `moment`."""
    return _check(
        table,
        column,
        "%(expressions)s >= '0001-01-01'::date AND %(expressions)s <= '9999-12-31'::date",
    )


def moment(table: str, column: str) -> CheckConstraint:
    """A time in the years 1 to 9999, and not infinite, which every client can read.

    A NULL passes. For values from outside. Go's JSON has no other years, and Python has no other
    times.
    """
    return _check(
        table,
        column,
        "%(expressions)s >= '0001-01-01 00:00:00+00'::timestamp with time zone AND "
        "%(expressions)s < '10000-01-01 00:00:00+00'::timestamp with time zone",
    )
