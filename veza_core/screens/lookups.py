"""Equality that makes PostgreSQL use the right index: `column = ANY (ARRAY[value])`."""

from typing import Any

from django.db.models import Field, ForeignKey, Lookup


# A foreign key does not inherit the lookups of other fields.
@ForeignKey.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """`<field>__any_of=value`: equality, without PostgreSQL knowing that the column is constant.

    With `user_id = …`, PostgreSQL drops ORDER BY user_id, and an index on created_at alone gives
    the order too. PostgreSQL uses it if it estimates the user as frequent, and reads the rows of
    all others. With ANY, the ORDER BY stays, and only an index that begins with user_id gives the
    order.
    """

    lookup_name = "any_of"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        type_ = self.lhs.output_field.db_type(connection)
        return f"{left} = ANY (ARRAY[{right}]::{type_}[])", (*left_params, *right_params)


#: The values of a column, read from an index that begins with it by jumping from each to the next
#: (https://wiki.postgresql.org/wiki/Loose_indexscan). PostgreSQL 18 does this itself.
KNOWN = """ARRAY(
    WITH RECURSIVE known (value) AS (
        (SELECT {column} FROM {table} WHERE {column} > ''{live} ORDER BY {column} LIMIT 1)
        UNION ALL
        SELECT (SELECT {column} FROM {table} WHERE {column} > known.value{live}
                ORDER BY {column} LIMIT 1)
        FROM known WHERE known.value IS NOT NULL)
    SELECT value FROM known WHERE value IS NOT NULL LIMIT {most})"""

#: The most values that are used.
MOST_KNOWN = 100


@Field.register_lookup
class Known(Lookup):
    """`<text>__known=True`: one of the values that the column has, each compared separately.

    So an index on this column and another one serves a condition on the other one only. The column
    has few values, and no empty one. `True`: among live rows, with an index over these.
    """

    lookup_name = "known"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, params = self.process_lhs(compiler, connection)
        field, quote = self.lhs.target, connection.ops.quote_name
        known = KNOWN.format(
            column=quote(field.column),
            table=quote(field.model._meta.db_table),
            live=" AND deleted_at IS NULL" if self.rhs else "",
            most=MOST_KNOWN,
        )
        return f"{left} = ANY ({known})", tuple(params)
