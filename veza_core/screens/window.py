"""A page from a limited number of rows, if no index selects or sorts the rows.

With a condition in WHERE, or a sort, PostgreSQL reads as many rows as it needs, perhaps all. So an
index gives a limited number of rows first, and the page is selected and sorted from these. One
statement does it: in Python, the same takes 3.7 times as long (docs/performance.md, "Ways around
the ORM", by `python -m benchmarks.admin.ways`).
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

    #: How many rows there are, and for how many of them the condition is true.
    number: int
    meeting: int
    #: The ids of the page's rows, in order.
    ids: list[Any]
    #: The last of all rows in order; None if there are none.
    last: Cursor | None


def flagged(rows: QuerySet[Any], order: Order, condition: Q | None) -> QuerySet[Any, Any]:
    """The positions of rows, and whether the condition is true for each: for `look_through`, after
    a limit.

    The condition leaves out no row. Otherwise PostgreSQL could use another index, and read more
    rows.
    """
    meets: Any = Value(True)
    if condition is not None:
        meets = Case(When(condition, then=True), default=False, output_field=BooleanField())
    return rows.values_list(*order.columns, meets)


def look_through(rows: QuerySet[Any, Any], order: Order, size: int, place: Place = FIRST) -> Window:
    """Select the first `size` rows in this order for which the condition is true, after the
    position.

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
    """`Order.beyond`, for SQL outside of a query set."""
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
