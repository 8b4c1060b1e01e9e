"""`migrate`: Django's command, adapted to deploys."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import CommandError, CommandParser, no_translations
from django.core.management.commands.migrate import Command as DjangoCommand
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.utils.module_loading import module_has_submodule

from veza_core.collector import collector_paused
from veza_core.counted import counted
from veza_core.db.locks import MIGRATION_LOCK_KEY, LockNotAvailableError, run_lock
from veza_core.db.other_sessions import OtherSession, named_blockers
from veza_core.db.session import announce
from veza_core.db.timeouts import set_lock_timeout
from veza_core.db.trust import UntrustedSchemaError, revoke_from_everybody
from veza_core.management.arguments import add_json, add_lock_timeout, some_seconds
from veza_core.management.base import audit_result
from veza_core.operations.deploy.autodetector import Autodetector
from veza_core.operations.deploy.executor import Executor, MigrationReport, new_executor
from veza_core.operations.deploy.plan import MigrationPlan, read_plan
from veza_core.operations.deploy.pooler import check_direct
from veza_core.operations.deploy.recognition import (
    check_public,
    check_public_is_free,
    check_tables,
    signals_are_due,
)
from veza_core.operations.deploy.requirements import unmet_requirements
from veza_core.operations.deploy.summary import read_summary
from veza_core.operations.progress import StatusLine


class Command(DjangoCommand, MigrationReport):
    """Applies missing migrations, forwards only, one run at a time."""

    help = (
        "Applies the missing migrations: forwards only, one run at a time, each in one commit "
        "with its record."
    )

    # Checks run only if there is something to apply: see `_apply`.
    requires_system_checks = [Tags.database]

    # Django requires that `makemigrations` and `migrate` have the same one.
    autodetector = Autodetector

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-wait",
            type=some_seconds,
            default=300.0,
            metavar="SECONDS",
            help="How long to wait for another run to end (default: 300).",
        )
        add_lock_timeout(
            parser,
            "How long a statement waits for a lock before the migration is rolled back and tried "
            "again (default: MIGRATE_LOCK_TIMEOUT, %(default)s).",
        )
        parser.add_argument(
            "--no-audit",
            action="store_false",
            dest="audit",
            help="Do not audit the result (manage.py audit_schema).",
        )
        add_json(parser)

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the options say. Raises `CommandError` in one line."""
        self.started = time.monotonic()
        self.verbosity = 0 if options["as_json"] else options["verbosity"]
        self.done: list[dict[str, str | float]] = []
        self.status = StatusLine(self.stdout, shown=self.verbosity >= 1)
        self.last_tenth = ("", 0)
        connection, timeout = connections[options["database"]], options["lock_timeout"]
        if options["plan"] or options["check_unapplied"]:
            # These change nothing, and need no lock.
            self._inspect(new_executor(connection, timeout, self), args, options)
            return
        try:
            check_direct(connection)
        except UntrustedSchemaError as error:
            revoke_from_everybody(connection, error, self._warn)
            check_direct(connection)
        self.session = announce(connection, self._say_where(options))
        self.session.check_usable()
        # Also for statements between the migrations: nobody waits longer for this session.
        set_lock_timeout(connection, timeout, local=False)
        try:
            with run_lock(connection, MIGRATION_LOCK_KEY, options["lock_wait"], self._wait_for):
                self._migrate(new_executor(connection, timeout, self), args, options)
        except LockNotAvailableError as error:
            raise CommandError(
                f"another migrate holds the lock: {error}; waited {options['lock_wait']:g} s "
                "(--lock-wait). Nothing was changed."
            ) from error
        self._summarize(connection, options)

    def _plan(self, executor: Executor, options: dict[str, Any]) -> MigrationPlan:
        label, name = options["app_label"], options["migration_name"]
        return read_plan(executor, label, name, syncdb=options["run_syncdb"])

    def _inspect(self, executor: Executor, args: Any, options: dict[str, Any]) -> None:
        plan = self._plan(executor, options)
        if not plan.starts_v1:
            check_public(executor.connection)
        if options["plan"]:
            # Only this option needs it.
            from veza_core.operations.deploy.plan_sql import read_sql

            for planned in read_sql(executor, plan.migrations):
                self.stdout.write(f"-- {planned.migration}", self.style.MIGRATE_HEADING)
                if planned.locks is None:
                    self.stdout.write(f"-- locks: {planned.unknown}", self.style.WARNING)
                for table, lock in sorted((planned.locks or {}).items()):
                    self.stdout.write(f"-- locks {table} in {lock} mode", self.style.WARNING)
                for statement in planned.statements:
                    self.stdout.write(statement)
                self.stdout.write("")
        elif plan.migrations and self.verbosity >= 1:
            names = ", ".join(map(str, plan.migrations))
            self.stderr.write(f"Not applied ({len(plan.migrations)}): {names}")
        super().handle(*args, **options)

    def _migrate(self, executor: Executor, args: Any, options: dict[str, Any]) -> None:
        plan = self._plan(executor, options)
        if options["prune"]:
            super().handle(*args, **options)
        elif plan.migrations or options["run_syncdb"]:
            self._apply(executor, plan, options)
        else:
            executor.check_replacements()
            executor.record_version()
            self._say("Nothing to do: every migration is applied.")
            if not options["app_label"] and signals_are_due(executor.connection):
                self._emit(emit_post_migrate_signal, executor.connection, options, apps, plan)

    def _apply(self, executor: Executor, plan: MigrationPlan, options: dict[str, Any]) -> None:
        self.session.check_writable()
        # Rendered models are garbage, but only a few MB.
        with collector_paused():
            self._apply_all(executor, plan, options)

    def _apply_all(self, executor: Executor, plan: MigrationPlan, options: dict[str, Any]) -> None:
        connection = executor.connection
        state = executor.state_before()
        if plan.starts_v1:
            check_public_is_free(executor)
            if problems := unmet_requirements(connection):
                raise CommandError("; ".join(problems))
        else:
            faked = options["fake"] or options["fake_initial"]
            check_tables(executor, state, [] if faked else plan.targets)
        if not options["skip_checks"]:
            # All except the URLs, whose check imports every page of the project.
            self.check(tags=[Tags.models, Tags.compatibility, Tags.signals])
        self._emit(emit_pre_migrate_signal, connection, options, state.apps, plan)
        if options["run_syncdb"]:
            labels = {options["app_label"]} if options["app_label"] else None
            self.sync_apps(connection, labels or executor.loader.unmigrated_apps)
        state = executor.migrate(
            plan.targets,
            plan=plan.steps,
            state=state,
            fake=options["fake"],
            fake_initial=options["fake_initial"],
        )
        state.clear_delayed_apps_cache()
        self._emit(emit_post_migrate_signal, connection, options, state.apps, plan)

    def _emit(
        self,
        emit: Any,
        connection: BaseDatabaseWrapper,
        options: dict[str, Any],
        registry: Any,
        plan: MigrationPlan,
    ) -> None:
        for app in apps.get_app_configs():
            # Apps connect their receivers there; Django's own `migrate` does the same.
            if module_has_submodule(app.module, "management"):
                import_module(".management", app.name)
        # One commit for the content types and permissions of all apps.
        with transaction.atomic(using=connection.alias):
            emit(
                self.verbosity,
                options["interactive"],
                connection.alias,
                stdout=self.stdout,
                apps=registry,
                plan=plan.steps,
            )

    def applied(self, migration: Migration, seconds: float) -> None:
        self.status.clear()
        self.done.append({"migration": str(migration), "seconds": round(seconds, 3)})
        self._say(f"  {migration}  {seconds:.3f} s")

    def waiting(self, migration: Migration, pause: float, blockers: list[OtherSession]) -> None:
        undone = "rolled back, " if migration.atomic else ""
        self._warn(
            f"{migration}: lock timeout, {undone}next try in {pause:.1f} s. "
            f"Blocked by: {named_blockers(blockers)}"
        )

    def held_up(self, migration: Migration, blockers: list[OtherSession]) -> None:
        self._warn(f"{migration}: waiting. Blocked by: {blockers[0]}")

    def filled(self, table: str, share: float, rows: int) -> None:
        """On a terminal, one line that is overwritten; elsewhere a line for each tenth."""
        line = f"  {table}: {share:.0%}, {counted(rows, 'row')} filled"
        self.status.show(line)
        tenth = (table, int(share * 10))
        if not self.status.shown and tenth != self.last_tenth:
            self.last_tenth = tenth
            self._say(line)

    def resting(self, what: str, reason: str) -> None:
        self._warn(f"{what}: {reason}")

    def _wait_for(self, holder: OtherSession) -> None:
        self._warn(f"Waiting for another migrate: {holder}")

    def _summarize(self, connection: BaseDatabaseWrapper, options: dict[str, Any]) -> None:
        seconds = time.monotonic() - self.started
        summary = read_summary(connection)
        outcome: dict[str, Any] = {
            "applied": self.done,
            "seconds": round(seconds, 3),
            "connection": self.session.as_dict(),
            **asdict(summary),
        }
        self._say(f"{summary}; {seconds:.2f} s")
        if options["audit"] and not options["app_label"]:
            # Some of the migrations create only a part of the schema, which the audit would report.
            outcome["audit"] = self._audit(connection)
        if options["as_json"]:
            self.stdout.write(json.dumps(outcome))
        if settings.DEBUG:
            self._say("Next: make test, or .venv/bin/python manage.py dbshell")

    def _audit(self, connection: BaseDatabaseWrapper) -> dict[str, int] | None:
        if (report := audit_result(connection, self._say, self._warn)) is None:
            return None
        for finding in report.findings:
            if finding.rule.id == "random-page-cost":
                # No migration can fix it, and all services are slow until somebody does.
                self._warn(f"Warning: {finding.message}")
        return {"error": report.errors, "warning": report.warnings}

    def _say_where(self, options: dict[str, Any]) -> Callable[[str], object]:
        if not options["verbosity"]:
            return lambda line: None
        return self.stderr.write if options["as_json"] else self._say

    def _say(self, line: str) -> None:
        if self.verbosity >= 1:
            self.stdout.write(line)
            self.stdout.flush()

    def _warn(self, line: str) -> None:
        self.stderr.write(line, self.style.WARNING)
        self.stderr.flush()
