"""What there is in schema `public`, counted in the live catalog."""

from dataclasses import asdict, dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

COUNTS = """
SELECT
    current_setting('server_version'),
    (SELECT count(*) FROM pg_class
        WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')),
    (SELECT count(*) FROM pg_constraint
        WHERE connamespace = to_regnamespace('public') AND contype = 'f'),
    (SELECT count(*) FROM pg_class
        WHERE relnamespace = to_regnamespace('public') AND relkind IN ('i', 'I')),
    (SELECT count(*) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = to_regnamespace('public') AND NOT tgisinternal)
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """The server's version, and how many objects of each kind are in `public`."""

    server_version: str
    tables: int
    foreign_keys: int
    indexes: int
    triggers: int

    def as_dict(self) -> dict[str, str | int]:
        """The summary, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"PostgreSQL {self.server_version}, schema public: {self.tables} tables, "
            f"{self.foreign_keys} foreign keys, {self.indexes} indexes, {self.triggers} triggers"
        )


def read_summary(connection: BaseDatabaseWrapper) -> Summary:
    """Count, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return Summary(*cursor.fetchone())
