"""`distribute`: distributes the logs over the nodes of Citus, or moves them back to one server."""

import time
from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counted import counted
from veza_core.db.session import UNCHANGED
from veza_core.errors import one_line
from veza_core.management.arguments import (
    a_number_of,
    add_database,
    add_lock_timeout,
)
from veza_core.management.base import DatabaseCommand, audit_result
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.distribute.plan import Layout, Step
from veza_core.operations.distribute.service import run_steps, steps_back, steps_to
from veza_core.operations.distribute.sweep import sweep


class Command(DatabaseCommand):
    """A few large steps, each in a transaction; can be killed and run again."""

    help = (
        "Distributes the logs (plays, analytics, …) over the nodes of Citus, or reverses this. "
        "docs/scale.md says who needs this, and what it costs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--layout",
            choices=[layout.value for layout in Layout],
            default=Layout.L.value,
            help="L: spreads only the logs, without their foreign keys (default). A: also copies "
            "the referenced tables to every node, and keeps the foreign keys.",
        )
        parser.add_argument(
            "--shards",
            type=a_number_of("shards", 10_000),
            default=32,
            metavar="N",
            help="The number of parts (shards) of each log (default: 32).",
        )
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--sweep",
            action="store_true",
            help="In distributed logs, delete the rows whose referenced row is missing, or set "
            "the reference to NULL, as ON DELETE says: without foreign keys, nothing checks "
            "inserts.",
        )
        instead.add_argument(
            "--undo",
            action="store_true",
            help="Move everything back to the coordinator, and add the foreign keys again.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Print the statements, and change nothing."
        )
        add_lock_timeout(
            parser,
            "How long a statement waits for a lock before its step is rolled back (default: "
            "%(default)s).",
        )
        add_database(parser, "The database to distribute")

    def handle(self, *args: Any, **options: Any) -> None:
        """Distribute, or print how. Raises `CommandError` in one line."""
        connection = connections[options["database"]]
        if options["sweep"]:
            if options["dry_run"]:
                raise CommandError("--sweep has no --dry-run: it finds its rows while it runs")
            self.announce(connection).check_writable()
            self._sweep(connection, options["lock_timeout"])
            return
        if options["dry_run"]:
            self.announce(connection)
            self._print(self._steps(connection, options))
            return
        check_direct(connection)
        # Moving rows takes an unlimited time.
        self.announce(connection, lift=True).check_writable()
        running = "a migrate or distribute is running"
        with self.migration_lock(connection, 0.0, running, UNCHANGED):
            self._run(connection, options)

    def _steps(self, connection: BaseDatabaseWrapper, options: dict[str, Any]) -> list[Step]:
        if options["undo"]:
            return steps_back(connection)
        return steps_to(connection, Layout(options["layout"]), options["shards"])

    def _print(self, steps: list[Step]) -> None:
        for step in steps:
            statements = "".join(f"{statement};\n" for statement in step.statements)
            self.stdout.write(f"-- {step.title}\nBEGIN;\n{statements}COMMIT;\n")
        if not steps:
            self.say("Nothing to do.")

    def _run(self, connection: BaseDatabaseWrapper, options: dict[str, Any]) -> None:
        started = time.monotonic()
        steps = self._steps(connection, options)
        run_steps(connection, steps, options["lock_timeout"], self._taken)
        seconds = time.monotonic() - started
        self.say(f"{counted(len(steps), 'step')}, {seconds:.2f} s" if steps else "Nothing to do.")
        audit_result(connection, self.say, self.stderr.write)

    def _sweep(self, connection: BaseDatabaseWrapper, lock_timeout: float) -> None:
        found: Counter[str] = Counter()
        try:
            for each, rows in sweep(connection, lock_timeout):
                found[f"{each.table}.{each.column}"] += rows
        except DatabaseError as error:
            raise CommandError(one_line(error)) from error
        for name, rows in sorted(found.items()):
            self.say(f"  {name}: {counted(rows, 'row')} without a referenced row")
        if not found:
            self.say("No referenced row is missing.")

    def _taken(self, step: Step, seconds: float) -> None:
        self.say(f"  {step.title}  {seconds:.3f} s")
