"""Asks all questions in one read-only transaction with a time limit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_site.status.attention import Concern, concerns_of
from veza_site.status.deadline import Bounded, NoTimeLeftError, within
from veza_site.status.query import NotAllowedError
from veza_site.status.questions import QUESTIONS

#: Seconds for all questions, for one statement, and for a lock that a statement waits for.
LONGEST, LONGEST_STATEMENT, LONGEST_WAIT = 1.0, 0.25, 0.1

REASONS = {
    "57014": "it took too long",
    "55P03": "it waits for a lock",
    "42501": "the role cannot read that",
    # A schema, table, column or type.
    **dict.fromkeys(
        ("3F000", "42P01", "42703", "42704"), "it does not exist: migrations are pending"
    ),
}


@dataclass(slots=True)
class StatusReport:
    """The answers by question, the reasons for missing answers, and what needs attention."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    concerns: list[Concern] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "attention": [{"question": c.question, "message": c.message} for c in self.concerns],
            "unanswered": self.unanswered,
            **self.answers,
            "seconds": round(self.seconds, 3),
        }


def read_report(connection: BaseDatabaseWrapper, ignore: Sequence[str] = ()) -> StatusReport:
    """Ask all questions except those in `ignore`.

    A question that the server does not answer in time, or not for this role, is in `unanswered`.
    Raises Django's `DatabaseError` if there is no connection.
    """
    report = StatusReport()
    connection.ensure_connection()
    started = time.monotonic()
    with within(LONGEST), transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            # With little load for the server, like the audit.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off")
        for name in QUESTIONS:
            if name not in ignore:
                _ask(connection, name, report)
    report.seconds = time.monotonic() - started
    report.concerns = concerns_of(report.answers)
    return report


def _ask(connection: BaseDatabaseWrapper, name: str, report: StatusReport) -> None:
    bounded = Bounded(LONGEST_STATEMENT, LONGEST_WAIT)
    try:
        with transaction.atomic(using=connection.alias), connection.execute_wrapper(bounded):
            report.answers[name] = QUESTIONS[name](connection)
    except (NotAllowedError, NoTimeLeftError, CommandError) as error:
        report.unanswered[name] = str(error)
    except DatabaseError as error:
        if connection.connection is None or connection.connection.closed:
            raise
        report.unanswered[name] = _reason(error)


def _reason(error: DatabaseError) -> str:
    cause = error.__cause__
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return REASONS.get(state or "", str(error).splitlines()[0])
