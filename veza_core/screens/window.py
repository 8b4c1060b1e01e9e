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


def flagged(
    rows: QuerySet[Any], order: Order, condition: Q | None, place: Place = FIRST
) -> QuerySet[Any, Any]:
    """The positions of rows, and whether the condition is true for each, and whether it is after
    the place: for `look_through`, after a limit.

    This leaves out no row. Otherwise PostgreSQL could use another index, and read more rows.
    """
    beyond = order.beyond(place.cursor, inclusive=place.inclusive) if place.cursor else None
    return rows.values_list(*order.columns, _flag(condition), _flag(beyond))


def _flag(condition: Any) -> Any:
    if condition is None:
        return Value(True)
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def look_through(rows: QuerySet[Any, Any], order: Order, size: int) -> Window:
    """Select the first `size` rows in this order for which both are true.

    `rows` are `flagged`, and limited.
    """
    statement = sql.SQL(
        "WITH looked_at ({columns}, meets, beyond) AS MATERIALIZED ({rows})"
        " SELECT total.*, ARRAY(SELECT id FROM looked_at WHERE meets AND beyond"
        " ORDER BY {by} LIMIT {size}), last.*"
        " FROM (SELECT count(*), count(*) FILTER (WHERE meets) FROM looked_at) AS total"
        " LEFT JOIN (SELECT {columns} FROM looked_at ORDER BY {back} LIMIT 1) AS last ON true"
    )
    inner, parameters = rows.query.get_compiler(rows.db).as_sql()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            statement.format(
                columns=sql.SQL(", ").join(map(sql.Identifier, order.columns)),
                rows=sql.SQL(inner),
                by=_by(order),
                back=_by(order.reversed()),
                size=size,
            ),
            parameters,
        )
        number, meeting, ids, *last = cursor.fetchone()
    return Window(number, meeting, ids, Cursor(tuple(last)) if number else None)


def _by(order: Order) -> sql.Composed:
    sign = sql.SQL(" DESC" if order.descending else "")
    return sql.SQL(", ").join(sql.Identifier(name) + sign for name in order.columns)
