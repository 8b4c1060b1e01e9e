"""Writes a backup with pg_dump."""

import dataclasses
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_row, fetch_value
from veza_core.db.other_sessions import locked_tables
from veza_core.db.session import Session
from veza_core.operations.backup.archive import Archive, open_archive
from veza_core.operations.backup.files import written_whole
from veza_core.operations.backup.origin import write_origin
from veza_core.operations.backup.programs import Tools, reaching, running, why_it_failed
from veza_core.operations.contents import OWN_SCHEMAS

#: How long pg_dump waits for a table that a migration has locked, in milliseconds.
LOCK_WAIT = 60_000

DUMPED = """
SELECT to_regclass('django.django_migrations') IS NOT NULL
        AND to_regclass('public.users') IS NOT NULL,
    (SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY(%s) AND relkind IN ('r', 'p'))
"""

# What pg_dump --verbose prints before a table's rows.
CONTENTS = re.compile(r'dumping contents of table "(.+)"')


def count_tables(connection: BaseDatabaseWrapper) -> int:
    """How many tables there are to back up. Raises `CommandError` if V1 is not there."""
    is_there, tables = fetch_row(connection, DUMPED, [list(OWN_SCHEMAS)])
    if not is_there:
        raise CommandError(
            f"database {connection.settings_dict['NAME']} has no table users, or no history of "
            "migrations in schema django: there is nothing to back up"
        )
    return int(tables)


def write_backup(
    connection: BaseDatabaseWrapper,
    tools: Tools,
    path: Path,
    session: Session,
    schema_version: str | None,
    *,
    replace: bool,
    show: Callable[[str], None],
) -> Archive:
    """Write `public` and `django`, in one snapshot, to a custom-format archive, and open it.

    The file also gets `session`, which says where the connection is, and the schema's version.
    `show` is called for each table. Raises `CommandError` in one line; then there is no file.
    """
    arguments, environment = reaching(connection)
    command = [
        tools.path("pg_dump"),
        "--format=custom",
        *(f"--schema={schema}" for schema in OWN_SCHEMAS),
        f"--lock-wait-timeout={LOCK_WAIT}",
        # They belong to the server, and other servers have other replicas.
        "--no-publications",
        "--no-subscriptions",
        "--no-password",
        "--verbose",
        *arguments,
    ]
    with (
        written_whole(path, replace=replace) as partial,
        exported_snapshot(connection) as snapshot,
    ):
        command.append(f"--snapshot={snapshot}")
        # With the file's name: to standard output, pg_dump 18 writes the table of contents twice,
        # and without the offsets that a parallel restore needs.
        command.append(f"--file={partial}")
        # pg_dump opens its standard output at the start, and ours may be closed.
        nowhere = subprocess.DEVNULL
        with running(
            command, env=environment, stdin=nowhere, stdout=nowhere, stderr=subprocess.PIPE
        ) as process:
            messages = _follow(process, show)
            if process.wait() != 0:
                reason = why_it_failed(command, process.returncode, messages)
                # After a lock timeout, pg_dump does not say who has the lock. A signal (a negative
                # exit status) needs no more reasons.
                locked = process.returncode > 0 and locked_tables(connection.connection)
                raise CommandError(f"{reason}. {locked}" if locked else reason)
        write_origin(partial, session, schema_version)
        # Check now whether it can be restored, and not only when it is needed.
        archive = open_archive(partial, [tools])
    return dataclasses.replace(archive, path=path)


@contextmanager
def exported_snapshot(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """A snapshot for pg_dump, which only a session on the same server and database can import.

    So pg_dump fails if it connects elsewhere (PostgreSQL, "Snapshot Synchronization Functions",
    9.28.5).
    """
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield fetch_value(connection, "SELECT pg_export_snapshot()")


def _follow(process: subprocess.Popen[bytes], show: Callable[[str], None]) -> str:
    """Read what pg_dump prints, until its end; return what is not about its progress."""
    messages = []
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    for line in process.stderr:
        text = line.decode(errors="replace")
        if found := CONTENTS.search(text):
            show(found[1])
        elif re.match(r"\S+: (error|detail|hint|fatal): ", text) or not re.match(r"\S+: ", text):
            messages.append(text)
    return "".join(messages)
