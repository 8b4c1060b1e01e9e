"""Checks that a database can be distributed: it needs Citus, workers, and V1 without errors."""

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counted import counted
from veza_core.db.distribution import Distribution, asking, read_distribution
from veza_core.errors import one_line
from veza_core.operations.deploy.executor import MigrationReport, new_executor
from veza_core.operations.deploy.plan import read_plan
from veza_core.schema.audit.rule import Severity
from veza_core.schema.audit.service import audit_own

OLDEST_VERSION = (13, 0)

COORDINATOR = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_node WHERE groupid = 0),
    pg_catalog.citus_is_coordinator()
"""


def check_cluster(connection: BaseDatabaseWrapper) -> Distribution:
    """What is already distributed. Raises `CommandError` if Citus or its nodes are missing."""
    ask = asking(connection)
    found = read_distribution(ask)
    name = connection.settings_dict["NAME"]
    if found is None:
        raise CommandError(
            f"database {name} has no extension citus: create it on this server and on every worker "
            "(CREATE EXTENSION citus), and add the workers (citus_add_node)"
        )
    if tuple(int(part) for part in found.version.split("-")[0].split(".")) < OLDEST_VERSION:
        raise CommandError(f"extension citus has version {found.version}: 13 or newer is needed")
    [(is_known, is_coordinator)] = ask(COORDINATOR)
    if not is_coordinator:
        raise CommandError("this server is a worker: give the coordinator in DATABASE_URL")
    if not is_known:
        raise CommandError(
            "the workers do not know this server: SELECT citus_set_coordinator_host('its address')"
        )
    if not found.nodes:
        raise CommandError(
            f"database {name} has no active worker: SELECT citus_add_node('its address', 5432)"
        )
    return found


def check_complete(connection: BaseDatabaseWrapper) -> None:
    """Raise `CommandError` unless all migrations are applied."""
    executor = new_executor(connection, 1.0, MigrationReport())
    if pending := read_plan(executor, None, None).migrations:
        raise CommandError(
            f"{counted(len(pending), 'migration is', 'migrations are')} not applied: "
            "run manage.py migrate first"
        )


def check_audited(connection: BaseDatabaseWrapper, logs: list[str]) -> None:
    """Raise `CommandError` if the audit finds errors, or cannot run.

    What an interrupted run or a restored backup has left on the `logs` is not an error here.
    """
    try:
        report = audit_own(connection, spread=frozenset(logs))
    except (psycopg.Error, DatabaseError) as error:
        raise CommandError(f"the audit could not run: {one_line(error)}") from error
    errors = [each for each in report.findings if each.severity is Severity.ERROR]
    if errors:
        raise CommandError(
            f"the audit finds {counted(len(errors), 'error')}; the first is {errors[0].rule.id} "
            f"({errors[0].object}): manage.py audit_schema shows them"
        )
