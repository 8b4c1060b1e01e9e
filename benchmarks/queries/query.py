"""A hot query as data: its SQL, the source of its parameters, and how it is run."""

from dataclasses import dataclass, field

#: The type of keys, by schema.
KEYS = {"v1": "uuid", "lab": "bigint", "stock": "bigint"}
SCHEMAS = tuple(KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One operation of a service: one statement, or a few that are measured together."""

    name: str
    #: The group, as in docs/benchmarks/README.md.
    group: int
    #: With `$1`, `$2`, …, as in schema/queries/*.sql. For another schema, `uuid` is replaced by the
    #: type of its keys.
    sql: str | tuple[str, ...]
    #: SQL that returns rows of parameters from V1, as traffic would choose them: popular ones more
    #: often. `{some:table}` is a random part of a large table.
    sample: str
    #: Other SQL with the same effect, for schemas that need it.
    instead: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    #: How many sessions run it at once.
    clients: tuple[int, ...] = (1, 8)
    #: Statements that run before each measurement, outside of it.
    reset: tuple[str, ...] = ()

    def statements(self, schema: str) -> tuple[str, ...]:
        """Return the SQL of the operation for this schema."""
        sql = self.instead.get(schema, self.sql)
        statements = (sql,) if isinstance(sql, str) else sql
        return tuple(statement.replace("uuid", KEYS[schema]) for statement in statements)

    @property
    def writes(self) -> bool:
        """Whether it changes rows."""
        return self.group == WRITES or bool(self.reset)


GROUPS = {
    1: "Users",
    2: "Tracks",
    3: "Playlists",
    4: "Listening",
    5: "Media",
    6: "Writes",
}
WRITES = 6
