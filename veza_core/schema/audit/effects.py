"""What a printed statement does to a running service: its lock, and its work.

The locks are from PostgreSQL's chapters "Explicit Locking" and "ALTER TABLE". A test runs the
statements and reads pg_locks.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Lock(StrEnum):
    """The strongest lock that a statement takes on a table, an index or a view."""

    NONE = "no lock on a table"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"


class Work(StrEnum):
    """What a statement does while it holds the lock."""

    CATALOG = "changes only the catalog"
    SCAN = "reads the whole table"
    BUILD = "reads the whole table and writes an index"
    REWRITE = "rewrites the table and its indexes"


#: Who waits for a statement that holds the lock.
WAITS = {
    Lock.NONE: "nobody waits",
    Lock.SHARE_UPDATE_EXCLUSIVE: "reads and writes continue",
    Lock.SHARE: "writes wait",
    Lock.SHARE_ROW_EXCLUSIVE: "writes wait",
    Lock.ACCESS_EXCLUSIVE: "reads and writes wait",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """A statement's lock and work, and whether it waits for transactions of other sessions."""

    lock: Lock
    work: Work
    is_concurrent: bool = False

    def __str__(self) -> str:
        """Both as a sentence, without the full stop."""
        return f"{self.lock}, {WAITS[self.lock]}; it {self.work}"


_FORMS: tuple[tuple[str, Lock, Work], ...] = (
    (r"CREATE (UNIQUE )?INDEX CONCURRENTLY", Lock.SHARE_UPDATE_EXCLUSIVE, Work.BUILD),
    (r"REINDEX INDEX CONCURRENTLY", Lock.SHARE_UPDATE_EXCLUSIVE, Work.BUILD),
    (r"CREATE (UNIQUE )?INDEX \S+ ON ONLY", Lock.SHARE, Work.CATALOG),
    (r"CREATE (UNIQUE )?INDEX", Lock.SHARE, Work.BUILD),
    (r"DROP INDEX CONCURRENTLY", Lock.SHARE_UPDATE_EXCLUSIVE, Work.CATALOG),
    (r"DROP INDEX", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER INDEX \S+ RENAME TO", Lock.SHARE_UPDATE_EXCLUSIVE, Work.CATALOG),
    (r"ALTER INDEX \S+ ATTACH PARTITION", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER TABLE \S+ VALIDATE CONSTRAINT", Lock.SHARE_UPDATE_EXCLUSIVE, Work.SCAN),
    (r"ALTER TABLE \S+ ADD CONSTRAINT \S+ FOREIGN KEY .* NOT VALID;", Lock.SHARE_ROW_EXCLUSIVE,
     Work.CATALOG),
    # For a partitioned table: each partition has this key already, and its rows were checked.
    (r"ALTER TABLE \S+ ADD CONSTRAINT \S+ FOREIGN KEY", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER TABLE \S+ ADD CONSTRAINT .* NOT VALID;", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER TABLE \S+ ADD CONSTRAINT .* USING INDEX", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER TABLE \S+ ADD CONSTRAINT", Lock.ACCESS_EXCLUSIVE, Work.SCAN),
    (r"ALTER TABLE \S+ (ENABLE|DISABLE) (ALWAYS )?TRIGGER", Lock.SHARE_ROW_EXCLUSIVE,
     Work.CATALOG),
    (r"ALTER TABLE \S+ ALTER CONSTRAINT \S+ ENFORCED", Lock.ACCESS_EXCLUSIVE, Work.SCAN),
    # From varchar, if no index must be rebuilt.
    (r"ALTER TABLE \S+ ALTER COLUMN \S+ TYPE text;", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"ALTER TABLE \S+ ALTER COLUMN \S+ TYPE", Lock.ACCESS_EXCLUSIVE, Work.REWRITE),
    # For SET NOT NULL, a valid check proves that there are no NULLs.
    (r"ALTER TABLE \S+ ALTER COLUMN \S+ (SET|DROP) (NOT NULL|DEFAULT)", Lock.ACCESS_EXCLUSIVE,
     Work.CATALOG),
    (r"ALTER TABLE \S+ SET (LOGGED|UNLOGGED)", Lock.ACCESS_EXCLUSIVE, Work.REWRITE),
    (r"ALTER TABLE \S+ (ADD COLUMN|ALTER CONSTRAINT|RENAME|OWNER|DROP CONSTRAINT"
     r"|REPLICA IDENTITY|ENABLE ROW|FORCE ROW)", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"CREATE (OR REPLACE )?TRIGGER", Lock.SHARE_ROW_EXCLUSIVE, Work.CATALOG),
    (r"(ALTER|DROP) TRIGGER", Lock.ACCESS_EXCLUSIVE, Work.CATALOG),
    (r"COMMENT ON (TABLE|COLUMN|INDEX)", Lock.SHARE_UPDATE_EXCLUSIVE, Work.CATALOG),
    (r"ALTER (VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE)", Lock.ACCESS_EXCLUSIVE,
     Work.CATALOG),
    # The lock is on each table that has a column of the domain.
    (r"ALTER DOMAIN \S+ VALIDATE CONSTRAINT", Lock.SHARE, Work.SCAN),
    (r"COMMENT ON CONSTRAINT|CREATE (OR REPLACE )?FUNCTION|CREATE EXTENSION|REVOKE|GRANT"
     r"|ALTER (FUNCTION|PROCEDURE|ROUTINE|TYPE|DOMAIN|EXTENSION|DATABASE|DEFAULT PRIVILEGES)",
     Lock.NONE, Work.CATALOG),
)  # fmt: skip
_PATTERNS = tuple((re.compile(form, re.DOTALL), lock, work) for form, lock, work in _FORMS)

#: Quoted names, strings and function bodies: words in them are not keywords.
_QUOTED = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\$\$.*?\$\$", re.DOTALL)


def effect(statement: str) -> Effect:
    """Return what a statement of a fix does; for an unknown form, the worst.

    Names outside quotes are in lower case, so words in capitals are keywords.
    """
    text = _QUOTED.sub("q", statement)
    for pattern, lock, work in _PATTERNS:
        if pattern.match(text):
            return Effect(lock, work, " CONCURRENTLY " in text)
    return Effect(Lock.ACCESS_EXCLUSIVE, Work.REWRITE)
