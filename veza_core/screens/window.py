"""A page out of a bounded number of rows, for what no index chooses, or none sorts.

A condition in WHERE, or a sort, has PostgreSQL read as many rows as it takes, up to all there are.
So an index gives a bounded number of rows first, and the page is chosen and sorted out of those. In
one statement: in Python the same takes 3.7 times as long (docs/performance.md, "Ways around the
ORM", by `python -m benchmarks.admin.ways`).
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from psycopg import sql

from .order import FIRST, Cursor, Order, Place


@dataclass(frozen=True, slots=True)
class Window:
    """What was found among the rows."""

    #: How many they are, and how many of them meet the condition.
    number: int
    meeting: int
    #: The ids of the page's rows, in order.
    ids: list[Any]
    #: The last of all rows in order; None: there is no row.
    last: Cursor | None


def flagged(rows: QuerySet[Any], order: Order, condition: Q | None) -> QuerySet[Any, Any]:
    """The places of rows, and whether each meets the condition: for `look_through`, once limited.

    No row is left out by the condition: PostgreSQL would be free to find rows by another index
    then, and to look at more of them.
    """
    meets: Any = Value(True)
    if condition is not None:
        meets = Case(When(condition, then=True), default=False, output_field=BooleanField())
    return rows.values_list(*order.columns, meets)


def look_through(rows: QuerySet[Any, Any], order: Order, size: int, place: Place = FIRST) -> Window:
    """Choose the first `size` rows in this order that meet the condition, beyond the place.

    `rows` are `flagged`, and limited.
    """
    columns = [sql.Identifier(name) for name in order.columns]
    beyond, values = _beyond(order, place)
    statement = sql.SQL(
        "WITH looked_at ({columns}, meets) AS MATERIALIZED ({rows})"
        " SELECT total.*, ARRAY(SELECT id FROM looked_at WHERE meets AND {beyond}"
        " ORDER BY {by} LIMIT {size}), last.*"
        " FROM (SELECT count(*), count(*) FILTER (WHERE meets) FROM looked_at) AS total"
        " LEFT JOIN (SELECT {columns} FROM looked_at ORDER BY {back} LIMIT 1) AS last ON true"
    )
    inner, parameters = rows.query.get_compiler(rows.db).as_sql()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            statement.format(
                columns=sql.SQL(", ").join(columns),
                rows=sql.SQL(inner),
                beyond=beyond,
                by=_by(order),
                back=_by(order.reversed()),
                size=size,
            ),
            [*parameters, *values],
        )
        number, meeting, ids, *last = cursor.fetchone()
    return Window(number, meeting, ids, Cursor(tuple(last)) if number else None)


def _by(order: Order) -> sql.Composed:
    sign = sql.SQL(" DESC" if order.descending else "")
    return sql.SQL(", ").join(sql.Identifier(name) + sign for name in order.columns)


def _beyond(order: Order, place: Place) -> tuple[sql.Composable, tuple[Any, ...]]:
    """`Order.beyond`, for SQL that is no query set's."""
    if place.cursor is None:
        return sql.SQL("true"), ()
    comparison = "<" if order.descending else ">"
    if place.inclusive:
        comparison += "="
    condition = sql.SQL("({}) {} ({})").format(
        sql.SQL(", ").join(sql.Identifier(name) for name in order.columns),
        sql.SQL(comparison),
        sql.SQL(", ").join([sql.Placeholder()] * len(order.columns)),
    )
    return condition, place.cursor.values
