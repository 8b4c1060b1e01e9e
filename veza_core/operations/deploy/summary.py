"""What is in schema `public`: its version, and the numbers of objects in the live catalog."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counted import counted
from veza_core.db.fetch import fetch_row
from veza_core.db.schema_version import VERSION

OBJECT_COUNTS = f"""
SELECT
    current_setting('server_version'),
    {VERSION},
    (SELECT count(*) FROM pg_class
        WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')),
    -- Joined with pg_class, because Citus hides its shards there.
    (SELECT count(*) FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE connamespace = to_regnamespace('public') AND contype = 'f'),
    (SELECT count(*) FROM pg_class
        WHERE relnamespace = to_regnamespace('public') AND relkind IN ('i', 'I')),
    (SELECT count(*) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = to_regnamespace('public') AND NOT tgisinternal)
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """The versions of server and schema, and how many objects of each kind are in `public`.

    The schema's version is None if the first release is not completely applied.
    """

    server_version: str
    schema_version: str | None
    tables: int
    foreign_keys: int
    indexes: int
    triggers: int

    def __str__(self) -> str:
        return (
            f"PostgreSQL {self.server_version}, "
            f"schema {' '.join(filter(None, ['public', self.schema_version]))}: "
            f"{counted(self.tables, 'table')}, {counted(self.foreign_keys, 'foreign key')}, "
            f"{counted(self.indexes, 'index', 'indexes')}, {counted(self.triggers, 'trigger')}"
        )


def read_summary(connection: BaseDatabaseWrapper) -> Summary:
    """Count, in one query."""
    return Summary(*fetch_row(connection, OBJECT_COUNTS))
