"""Equality that leaves PostgreSQL no choice of an index: `column = ANY (ARRAY[value])`."""

from typing import Any

from django.db.models import Field, ForeignKey, Lookup


# A foreign key does not inherit the lookups of other fields.
@ForeignKey.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """`<field>__any_of=value`: equal, without PostgreSQL knowing that the column is constant.

    With `user_id = …`, an ORDER BY user_id is dropped, and an index on created_at alone gives the
    order too: PostgreSQL takes it when it holds the user for a frequent one, and walks through the
    rows of all others. With ANY it stays, and only an index that begins with user_id gives it.
    """

    lookup_name = "any_of"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        type_ = self.lhs.output_field.db_type(connection)
        return f"{left} = ANY (ARRAY[{right}]::{type_}[])", (*left_params, *right_params)
