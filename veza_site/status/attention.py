"""Which answers need somebody's attention, and from which threshold on.

The rules in deploy/prometheus/veza.rules.yml alert on the same things; docs/operations.md explains
them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HOUR = 3600.0

#: Nightly jobs that are late by two hours.
BACKUP_AGE = 26 * HOUR
PURGE_AGE = 26 * HOUR
#: A job every five minutes: six runs were missed.
WEEKLY_PLAYS_AGE = 0.5 * HOUR
#: A listener waits for an uploaded track.
QUEUE_AGE = 1 * HOUR
#: Its locks are held, and VACUUM cannot remove rows that were deleted since.
TRANSACTION_AGE = 0.25 * HOUR
REPLICA_LAG = 60.0
#: Codes of authenticators are refused from a minute on.
CLOCK_DIFFERENCE = 10.0
#: A share of all possible connections.
CONNECTIONS_SHARE = 0.8
#: At 1.0, autovacuum must freeze. Above it, autovacuum does not keep up. With default
#: settings, PostgreSQL stops at about 10 for transaction ids, and at about 5 for multixact ids.
FREEZE_SHARE = 1.5
#: Bytes of WAL that a slot keeps: 10 GiB.
SLOT_BYTES = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class Concern:
    """A problem, and the question whose answer shows it."""

    question: str
    message: str


def concerns_of(answers: dict[str, dict[str, Any]]) -> list[Concern]:
    """The problems, in the order of the questions."""
    return [
        Concern(name, message)
        for name, answer in answers.items()
        if name in CHECKS
        for message in CHECKS[name](answer)
    ]


def duration(seconds: float) -> str:
    """Seconds for people: 90 s, 5 min, 26 h, 3 d."""
    for unit, length in (("d", 24 * HOUR), ("h", HOUR), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def difference(seconds: float) -> str:
    """Seconds by which a clock is ahead of another one, or behind it."""
    return f"{duration(abs(seconds))} {'behind' if seconds < 0 else 'ahead of'}"


def _history(answer: dict[str, Any]) -> Iterator[str]:
    if answer["pending"]:
        yield f"migrations are pending: {', '.join(answer['pending'])}"
    if answer["unknown"]:
        yield f"the database is newer than this release: {', '.join(answer['unknown'])}"


def _clock(answer: dict[str, Any]) -> Iterator[str]:
    if abs(answer["seconds_ahead"]) > CLOCK_DIFFERENCE:
        yield f"this machine's clock is {difference(answer['seconds_ahead'])} the server's"


def _late(job: str, limit: float) -> Any:
    def check(answer: dict[str, Any]) -> Iterator[str]:
        if answer["age"] is None:
            yield f"no {job} was recorded"
        elif answer["age"] > limit:
            yield f"the last {job} was {duration(answer['age'])} ago"

    return check


def _queue(answer: dict[str, Any]) -> Iterator[str]:
    for state, jobs in answer.items():
        if jobs["oldest"] is not None and jobs["oldest"] > QUEUE_AGE:
            yield f"a transcode job has been {state} for {duration(jobs['oldest'])}"


def _invalid_indexes(answer: dict[str, Any]) -> Iterator[str]:
    if answer["names"]:
        yield f"invalid indexes: {', '.join(answer['names'])}"


def _transaction_ids(answer: dict[str, Any]) -> Iterator[str]:
    for kind, name in (("", "transaction"), ("multixact_", "multixact")):
        age, limit = answer[f"{kind}age"], answer[f"{kind}freeze_max_age"]
        if age > FREEZE_SHARE * limit:
            yield f"{name} ids are {age:,} old, and autovacuum freezes them at {limit:,}"


def _replication(answer: dict[str, Any]) -> Iterator[str]:
    for replica in answer["replicas"]:
        if replica["seconds_behind"] > REPLICA_LAG:
            behind = duration(replica["seconds_behind"])
            yield f"replica {replica['application_name']} is {behind} behind"
    if (answer["seconds_behind"] or 0) > REPLICA_LAG:
        yield f"this replica is {duration(answer['seconds_behind'])} behind"
    for slot in answer["slots"]:
        if slot["wal_status"] in ("unreserved", "lost"):
            yield f"replication slot {slot['name']} is {slot['wal_status']}"
        elif (slot["bytes_kept"] or 0) > SLOT_BYTES:
            yield f"replication slot {slot['name']} keeps {slot['bytes_kept'] / 1024**3:.0f} GiB"


def _admin_replicas(answer: dict[str, Any]) -> Iterator[str]:
    for alias, state in answer.items():
        if state["left_because"]:
            yield f"the admin does not read from {alias}: {state['left_because']}"


def _nodes(answer: dict[str, Any]) -> Iterator[str]:
    for node, problem in answer.items():
        if problem:
            yield f"worker {node} cannot be used: {problem}"


def _transactions(answer: dict[str, Any]) -> Iterator[str]:
    oldest = answer["oldest"]
    if oldest and oldest["age"] > TRANSACTION_AGE:
        yield f"a transaction is {duration(oldest['age'])} old: pid {oldest['pid']}"
    prepared = answer["prepared"]["oldest"]
    if prepared is not None and prepared > TRANSACTION_AGE:
        yield f"a prepared transaction is {duration(prepared)} old"


def _connections(answer: dict[str, Any]) -> Iterator[str]:
    if answer["used"] > CONNECTIONS_SHARE * answer["most"]:
        yield f"{answer['used']} of {answer['most']} connections are in use"


def _planner(answer: dict[str, Any]) -> Iterator[str]:
    if answer["source"] == "default":
        yield f"random_page_cost is PostgreSQL's default, {answer['random_page_cost']:g}"


def _staff_log(answer: dict[str, Any]) -> Iterator[str]:
    if answer["changes"]:
        yield f"the staff log is no longer append-only: {'; '.join(answer['changes'])}"


CHECKS = {
    "history": _history,
    "clock": _clock,
    "backup": _late("backup_db", BACKUP_AGE),
    "purge": _late("purge", PURGE_AGE),
    "weekly_plays": _late("count_weekly_plays", WEEKLY_PLAYS_AGE),
    "queue": _queue,
    "invalid_indexes": _invalid_indexes,
    "transaction_ids": _transaction_ids,
    "replication": _replication,
    "nodes": _nodes,
    "admin_replicas": _admin_replicas,
    "transactions": _transactions,
    "connections": _connections,
    "planner": _planner,
    "staff_log": _staff_log,
}
