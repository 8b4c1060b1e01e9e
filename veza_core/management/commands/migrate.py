"""`migrate`: Django's command, made for deploys."""

import time
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.checks import Tags
from django.core.management.base import CommandError, no_translations
from django.core.management.commands.migrate import Command as DjangoCommand
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.utils.module_loading import module_has_submodule

from veza_core.deploy.executor import Executor
from veza_core.deploy.plan import Plan, read_plan
from veza_core.deploy.requirements import unmet_requirements
from veza_core.deploy.signals import signals_are_due
from veza_core.deploy.summary import read_summary


class Command(DjangoCommand):
    """Applies what is not yet applied, forwards only."""

    help = "Applies the migrations that are not yet applied, each in one commit with its record."

    # Checks of models and of the rest run when there is something to apply: see `_apply`.
    requires_system_checks = [Tags.database]

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the options say. Raises `CommandError` in one line."""
        started = time.monotonic()
        self.verbosity = options["verbosity"]
        connection = connections[options["database"]]
        executor = Executor(connection, self._report)
        plan = read_plan(executor, options["app_label"], options["migration_name"])
        if options["plan"] or options["check_unapplied"] or options["prune"]:
            super().handle(*args, **options)
            return
        if plan.migrations or options["run_syncdb"]:
            self._apply(executor, plan, options)
        else:
            executor.check_replacements()
            self._say("Nothing to do: every migration is applied.")
            if not options["app_label"] and signals_are_due(connection):
                self._emit(emit_post_migrate_signal, connection, options, apps=apps, plan=[])
        self._summarize(connection, time.monotonic() - started)

    def _apply(self, executor: Executor, plan: Plan, options: dict[str, Any]) -> None:
        connection = executor.connection
        if plan.starts_v1 and (problems := unmet_requirements(connection)):
            raise CommandError("; ".join(problems))
        if not options["skip_checks"]:
            # All but the addresses, whose check imports every page of the project.
            self.check(tags=[Tags.models, Tags.compatibility, Tags.signals])
        state = executor.state_before()
        signal = {"plan": [(migration, False) for migration in plan.migrations]}
        self._emit(emit_pre_migrate_signal, connection, options, apps=state.apps, **signal)
        if options["run_syncdb"]:
            labels = {options["app_label"]} if options["app_label"] else None
            self.sync_apps(connection, labels or executor.loader.unmigrated_apps)
        state = executor.migrate(
            plan.targets,
            plan=signal["plan"],
            state=state.clone(),
            fake=options["fake"],
            fake_initial=options["fake_initial"],
        )
        state.clear_delayed_apps_cache()
        self._emit(emit_post_migrate_signal, connection, options, apps=state.apps, **signal)

    def _emit(
        self,
        emit: Any,
        connection: BaseDatabaseWrapper,
        options: dict[str, Any],
        **signal: Any,
    ) -> None:
        for app in apps.get_app_configs():
            # Where apps connect their receivers (Django's own `migrate` does the same).
            if module_has_submodule(app.module, "management"):
                import_module(".management", app.name)
        emit(self.verbosity, options["interactive"], connection.alias, stdout=self.stdout, **signal)

    def _report(self, migration: Migration, seconds: float) -> None:
        self._say(f"  {migration}  {seconds:.3f} s")

    def _summarize(self, connection: BaseDatabaseWrapper, seconds: float) -> None:
        self._say(f"{read_summary(connection)}; {seconds:.2f} s")
        self._say("Next: make test, or .venv/bin/python manage.py dbshell")

    def _say(self, line: str) -> None:
        if self.verbosity >= 1:
            self.stdout.write(line)
            self.stdout.flush()
