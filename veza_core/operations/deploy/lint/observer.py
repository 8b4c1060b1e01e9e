"""Runs a migration in a throw-away database, and examines what each of its statements did."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import psycopg
from django.db import DatabaseError, transaction
from django.db.migrations import Migration
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from veza_core.db.operations import InsertPermissions
from veza_core.operations.backfill import Backfill
from veza_core.operations.deploy.observed_locks import needs_no_transaction

from . import headings, snapshot
from .effects import Harm, Statement
from .writes import COMMENTS, SMALL, Use, in_bodies, scanned, uses, written

BUILDS_CONCURRENTLY = re.compile(r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\b", re.I)
EXPLAINED = re.compile(
    r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|CREATE\s[\w\s]*(TABLE|VIEW)\b.*?\bAS\b)",
    re.I | re.S,
)
REVOKES = re.compile(r"\bREVOKE\s(?![^;]*\bON\s+(ALL\s+)?(FUNCTION|PROCEDURE|ROUTINE)S?\b)", re.I)
# Django's own statements, which run here in addition to the migration's.
SAVEPOINT = re.compile(r"\s*(SAVEPOINT|RELEASE|ROLLBACK)\b", re.I)

#: Operations that write few rows in a transaction.
FEW_ROWS = (Backfill, InsertPermissions)


class Observer:
    """Watches a migration's statements: for `connection.execute_wrapper`."""

    def __init__(self, connection: Any, start: snapshot.CatalogState, *, atomic: bool) -> None:
        self.connection = connection
        self.atomic = atomic
        #: The catalog before the migration, and after its last statement.
        self.start = self.last = start
        self.effects: list[Harm] = []
        #: What it ran, or tried to run.
        self.statements: list[str] = []
        #: The operation that runs now.
        self.operation: Operation | None = None

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        text = COMMENTS.sub(" ", str(sql))
        if SAVEPOINT.match(text):
            result = execute(sql, params, many, context)
            if text.lstrip().upper().startswith("ROLLBACK"):
                self.last = snapshot.read(self.connection)
            return result
        self.statements.append(f"{self.connection.ops.compose_sql(str(sql), params)};")
        fills = isinstance(self.operation, FEW_ROWS)
        if not fills:
            self._look_at_text(text)
        nodes = [] if fills else [*self._plan(text, params)]
        before = uses(self.connection)
        settings = snapshot.session_settings(self.connection)
        result, after, concurrently = self._run(execute, sql, params, many, context)
        tag = (context["cursor"].statusmessage or "").rstrip(" 0123456789")
        now = snapshot.read(self.connection)
        if not fills:
            self._look_at_rows(nodes, before, after, makes=now.tables.keys() - self.last.tables)
        statement = Statement(
            self.start, self.last, now, tag, concurrently, in_no_transaction=not self.atomic
        )
        self.effects += statement.effects()
        if self._runs_sql():
            self._look_at_session(settings)
        self.last = now
        return result

    def _run(
        self, execute: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, dict[str, Use], bool]:
        """Run it; return its result, what its transaction used, and whether it runs outside one."""
        if self.atomic:
            return execute(*arguments), uses(self.connection), False
        try:
            with transaction.atomic(using=self.connection.alias):
                return execute(*arguments), uses(self.connection), False
        except DatabaseError as error:
            if not needs_no_transaction(error):
                raise
        return execute(*arguments), {}, True

    def _runs_sql(self) -> bool:
        """Whether the statement is the migration's own, and not from an operation that we know."""
        operations = getattr(self.operation, "database_operations", [self.operation])
        return any(isinstance(each, RunSQL) for each in operations)

    def _look_at_text(self, text: str) -> None:
        for message in in_bodies(self.last.functions, text):
            self._fill(message)
        if BUILDS_CONCURRENTLY.search(text) and self._runs_sql():
            message = "RunSQL does not remove the invalid index that a failed build leaves"
            self.effects.append(Harm(headings.INDEX, message))
        # The throw-away database has no grants to services.
        if REVOKES.search(text):
            message = "REVOKE removes privileges that services may use"
            self.effects.append(Harm(headings.ELSE, message))

    def _look_at_session(self, before: dict[str, tuple[str, str]]) -> None:
        now = snapshot.session_settings(self.connection)
        for name in sorted(name for name in now if now[name] != before[name]):
            message = f"changes {name} of the session that runs `migrate`"
            self.effects.append(Harm(headings.ELSE, message))

    def _look_at_rows(
        self,
        nodes: list[tuple[str, str]],
        before: dict[str, Use],
        after: dict[str, Use],
        makes: Collection[int],
    ) -> None:
        """Report tables whose rows it changes, or reads to write other rows.

        `makes`: the tables that it creates, as CREATE TABLE AS and SELECT INTO do.
        """
        inserted = {relation for kind, relation in nodes if kind == "Insert"}
        wrote = written(before, after)
        for relation in sorted(filter(self._is_old, wrote - inserted)):
            self._fill(f"changes rows of {relation} in one transaction")
        if makes or wrote - SMALL:
            planned = {relation for kind, relation in nodes if kind == "Scan"}
            # On empty tables, parts of a plan do not run, and a function has no plan.
            read = planned if nodes else scanned(before, after) - wrote
            for relation in sorted(filter(self._is_old, read)):
                self._fill(f"reads all of {relation} to write other rows")

    def _plan(self, text: str, params: Any) -> Iterator[tuple[str, str]]:
        if not EXPLAINED.match(text):
            return
        try:
            with transaction.atomic(using=self.connection.alias):
                cursor = self.connection.connection.cursor()
                [plan] = cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", params).fetchone()
                # The rollback releases the plan's locks, and undoes statements after a semicolon.
                transaction.set_rollback(True, using=self.connection.alias)
        except psycopg.Error:
            # PostgreSQL has no plan for the statement, or reports the error when it runs.
            return
        yield from _nodes(plan[0]["Plan"])

    def _is_old(self, relation: str) -> bool:
        tables = (table.name for table in self.start.tables.values())
        return relation in tables and relation not in SMALL

    def _fill(self, message: str) -> None:
        self.effects.append(Harm(headings.FILL, message))


def _nodes(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if plan["Node Type"] == "ModifyTable":
        yield plan["Operation"], plan["Relation Name"]
    elif "Relation Name" in plan:
        yield "Scan", plan["Relation Name"]
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


def observe(observer: Observer, state: ProjectState, migration: Migration) -> None:
    """Run a migration on the observer's connection. `state` changes with it.

    Raises `DatabaseError` for SQL that fails.
    """
    connection = observer.connection
    with (
        connection.execute_wrapper(observer),
        connection.schema_editor(atomic=migration.atomic) as editor,
    ):
        for operation in migration.operations:
            before = state.clone()
            operation.state_forwards(migration.app_label, state)
            observer.operation = operation
            operation.database_forwards(migration.app_label, editor, before, state)
