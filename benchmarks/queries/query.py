"""A hot query, as data: its SQL, where its parameters come from, and how it is run."""

from dataclasses import dataclass, field

#: What a key is called, by schema.
KEYS = {"v1": "uuid", "lab": "bigint", "stock": "bigint"}
SCHEMAS = tuple(KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One operation of a service: one statement, or a few that are measured together."""

    name: str
    #: The group, as docs/performance.md numbers them.
    group: int
    #: With `$1`, `$2`, …: those of schema/queries/*.sql. Where it says `uuid`, another schema's
    #: type of keys is put.
    sql: str | tuple[str, ...]
    #: SQL that gives rows of parameters from V1, drawn as traffic draws them: what is used more
    #: comes more often. `{some:table}` is a random part of a large table.
    sample: str
    #: Where a schema needs other SQL for the same effect.
    instead: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    #: How many sessions run it at once.
    clients: tuple[int, ...] = (1, 8)
    #: Statements that run before each measurement, outside of it.
    reset: tuple[str, ...] = ()

    def statements(self, schema: str) -> tuple[str, ...]:
        """The SQL of the operation, as this schema wants it."""
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
