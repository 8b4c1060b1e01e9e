"""`backup_db`: the backup for a rollback."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connections

from veza_core.counted import counted
from veza_core.db.distribution import asking, read_distribution
from veza_core.db.schema_version import read_version
from veza_core.management.arguments import add_database, add_tools, some_file
from veza_core.management.base import DatabaseCommand
from veza_core.operations.backup.dump import count_tables, write_backup
from veza_core.operations.backup.files import sha256_of
from veza_core.operations.backup.needs import needs_of
from veza_core.operations.backup.programs import find_tools, server_major
from veza_core.operations.conflicts import conflicts_explained
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.jobs import BACKUP
from veza_core.operations.progress import StatusLine
from veza_core.sizes import size as size_of
from veza_core.visible import visible


class Command(DatabaseCommand):
    """Writes `public` and `django` to one file in pg_dump's custom format."""

    help = "Backs up schemas public and django into one file, for restore_db (or pg_restore)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=some_file, metavar="FILE", help="The file to write.")
        parser.add_argument("--force", action="store_true", help="Replace the file if it exists.")
        add_tools(parser)
        add_database(parser, "The database to back up")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file. Raises `CommandError` in one line if no file was written."""
        started = time.monotonic()
        path: Path = options["file"]
        connection = connections[options["database"]]
        check_direct(connection)
        session = self.announce(connection, lift=True)
        tables = count_tables(connection)
        version = read_version(connection)
        server = server_major(connection)
        tools = find_tools(server, options["tools"])[0]
        progress = StatusLine(self.stderr, shown=options["verbosity"] >= 1)
        done = 0

        def show(table: str) -> None:
            nonlocal done
            done += 1
            progress.show(f"{done}/{tables} {table}")

        with progress, conflicts_explained(connection, in_recovery=session.in_recovery):
            archive = write_backup(
                connection, tools, path, session, version, replace=options["force"], show=show
            )
        size, checksum = path.stat().st_size, sha256_of(path)
        seconds = time.monotonic() - started
        what = f"{counted(tables, 'table')}{f' of schema {version}' if version else ''}"
        self.say(f"{visible(path)}: {size_of(size)}, {what}, {seconds:.1f} s, sha256 {checksum}")
        if self.verbosity >= 1 and (needs := needs_of(connection, archive)):
            self.say(f"A restore to another server needs: {visible(', '.join(needs))}")
        if (distribution := read_distribution(asking(connection))) and distribution.spread:
            self.say(
                f"{', '.join(sorted(distribution.spread))} are on other nodes. Their rows may be "
                "from another moment than the rest: docs/scale.md"
            )
        details = {"file": visible(path.resolve()), "bytes": size, "sha256": checksum}
        self.record(connection, BACKUP, seconds, **details)
