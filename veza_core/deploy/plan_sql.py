"""What a migration would run, and the strongest lock that it takes on which table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlparse
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

# From the weakest to the strongest (PostgreSQL, "Table-Level Locks", 13.3.1).
LOCKS = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
]

PART = r'(?:"[^"]+"|\w+)'
NAME = rf"({PART}(?:\.{PART})?)"

# Statements by their beginnings, each with the table's lock; the first that fits counts.
STATEMENTS = [
    (rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY .*? ON {NAME}", "SHARE UPDATE EXCLUSIVE"),
    (rf"CREATE (?:UNIQUE )?INDEX .*? ON {NAME}", "SHARE"),
    (rf"CREATE TRIGGER .*? ON {NAME}", "SHARE ROW EXCLUSIVE"),
    (rf"DROP TRIGGER .*? ON {NAME}", "ACCESS EXCLUSIVE"),
    (rf"COMMENT ON TABLE {NAME}", "SHARE UPDATE EXCLUSIVE"),
    (rf"COMMENT ON COLUMN {NAME}\.{PART} IS", "SHARE UPDATE EXCLUSIVE"),
    (rf"ALTER TABLE (?:ONLY )?{NAME} VALIDATE CONSTRAINT", "SHARE UPDATE EXCLUSIVE"),
    (
        rf"ALTER TABLE (?:ONLY )?{NAME} ADD CONSTRAINT \S+ FOREIGN KEY",
        "SHARE ROW EXCLUSIVE",
    ),
    (rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{NAME}", "ACCESS EXCLUSIVE"),
    (rf"DROP TABLE (?:IF EXISTS )?{NAME}", "ACCESS EXCLUSIVE"),
    (rf"TRUNCATE (?:TABLE )?{NAME}", "ACCESS EXCLUSIVE"),
    (rf"(?:INSERT INTO|DELETE FROM|UPDATE) {NAME}", "ROW EXCLUSIVE"),
]
REFERENCES = rf"REFERENCES {NAME}"
CREATE_TABLE = rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?{NAME}"


@dataclass(frozen=True, slots=True)
class MigrationSQL:
    """A migration, its statements, and the lock that it takes on each table it did not make."""

    migration: Migration
    statements: list[str]
    locks: dict[str, str]


def read_sql(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, migrations: list[Migration]
) -> Iterator[MigrationSQL]:
    """Collect each migration's SQL, as `sqlmigrate` does; nothing is run."""
    state = None
    for migration in migrations:
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            if state is None:
                state = loader.project_state((migration.app_label, migration.name), at_end=False)
            state = migration.apply(state, editor, collect_sql=True)
        yield MigrationSQL(migration, editor.collected_sql, locks_of(editor.collected_sql))


def locks_of(statements: list[str]) -> dict[str, str]:
    """The strongest lock that the statements take on each table that was there before them.

    By their text alone: that DROP TABLE also locks the tables referred to, and DROP INDEX the
    index's table, it does not know.
    """
    made: set[str] = set()
    locks: dict[str, str] = {}
    for text in _split(statements):
        if created := re.match(CREATE_TABLE, text, re.IGNORECASE):
            made.add(_plain(created[1]))
        for table, lock in _locks_of_one(text):
            if table not in made and LOCKS.index(lock) >= LOCKS.index(locks.get(table, LOCKS[0])):
                locks[table] = lock
    return locks


def _locks_of_one(text: str) -> Iterator[tuple[str, str]]:
    for pattern, lock in STATEMENTS:
        if found := re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            yield _plain(found[1]), lock
            break
    if re.match(r"CREATE|ALTER", text, re.IGNORECASE):
        # A new foreign key puts triggers on the table that it refers to.
        for found in re.finditer(REFERENCES, text, re.IGNORECASE):
            yield _plain(found[1]), "SHARE ROW EXCLUSIVE"


def _split(statements: list[str]) -> Iterator[str]:
    for statement in statements:
        for part in sqlparse.split(statement):
            text = sqlparse.format(part, strip_comments=True, strip_whitespace=True).strip()
            if text:
                yield text


def _plain(name: str) -> str:
    """The name as people write it: `"public"."users"` and `users` are one table."""
    return name.replace('"', "").removeprefix("public.")
