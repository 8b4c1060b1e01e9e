"""The report as text: a line for each question, then what needs attention."""

from typing import Any

from veza_core.counted import counted
from veza_core.sizes import size
from veza_core.visible import visible
from veza_site.status.attention import difference, duration
from veza_site.status.query import MOST_COUNTED
from veza_site.status.report import StatusReport

VERSION = "schema_version"


def lines(report: StatusReport) -> list[str]:
    """The report, line by line."""
    texts = {name: LINES[name](answer) for name, answer in report.answers.items()}
    texts |= {name: f"unknown: {reason}" for name, reason in report.unanswered.items()}
    width = max(map(len, LINES))
    return [
        visible(f"{name.replace('_', ' '):{width}}  {texts[name]}")
        for name in LINES
        if name in texts
    ]


def _server(answer: dict[str, Any]) -> str:
    kind = "replica" if answer["in_recovery"] else "primary"
    return (
        f"PostgreSQL {answer['version']} at {answer['address']}, port {answer['port']}: {kind}, "
        f"database {answer['database']}, role {answer['role']}, {size(answer['bytes'])}, "
        f"up for {duration(answer['uptime'])}"
    )


def _history(answer: dict[str, Any]) -> str:
    complete = "V1 is complete" if answer["v1_complete"] else "V1 is not complete"
    return (
        f"{complete}; {counted(answer['applied'], 'migration')} applied, "
        f"{len(answer['pending'])} pending, "
        f"{len(answer['unknown'])} unknown"
    )


def _schema(answer: dict[str, Any]) -> str:
    counts = [f"{n} {name.replace('_', ' ')}" for name, n in answer.items() if name != VERSION]
    return ", ".join([f"version {answer[VERSION] or 'unknown'}", *counts])


def _job(answer: dict[str, Any]) -> str:
    if answer["age"] is None:
        return "never recorded in this database"
    rest = {k: v for k, v in answer.items() if k not in ("finished_at", "age", "seconds")}
    details = "".join(f", {name} {value}" for name, value in rest.items())
    return f"{duration(answer['age'])} ago, {answer['seconds']:.1f} s{details}"


def _numbers(answer: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_bounded(number)}" for name, number in answer.items()) or "nothing"


def _bounded(number: int) -> str:
    return f"{number:,}+" if number >= MOST_COUNTED else f"{number:,}"


def _queue(answer: dict[str, Any]) -> str:
    return ", ".join(
        f"{state} {_bounded(jobs['number'])}"
        + (f" (oldest {duration(jobs['oldest'])})" if jobs["oldest"] is not None else "")
        for state, jobs in answer.items()
    )


def _transaction_ids(answer: dict[str, Any]) -> str:
    return (
        f"age {answer['age']:,} of {answer['freeze_max_age']:,}, "
        f"multixacts {answer['multixact_age']:,} of {answer['multixact_freeze_max_age']:,}"
    )


def _replication(answer: dict[str, Any]) -> str:
    parts = [
        f"{replica['application_name']} {replica['state']}, "
        f"{duration(replica['seconds_behind'])} and "
        f"{size(replica['bytes_behind'] or 0)} behind"
        for replica in answer["replicas"]
    ]
    parts += [
        f"slot {slot['name']} keeps {size(slot['bytes_kept'] or 0)}" for slot in answer["slots"]
    ]
    if answer["seconds_behind"] is not None:
        parts.append(f"this is a replica, {duration(answer['seconds_behind'])} behind")
    return "; ".join(parts) or "no replicas, no slots"


def _admin_replicas(answer: dict[str, Any]) -> str:
    parts = []
    for alias, state in answer.items():
        behind = state["seconds_behind"]
        delay = "" if behind is None else f", {duration(behind)} behind"
        parts.append(f"{alias} {state['left_because'] or 'is in use'}{delay}")
    return "; ".join(parts) or "none, the admin reads from the primary"


def _nodes(answer: dict[str, Any]) -> str:
    lost = [f"{node} cannot be used: {problem}" for node, problem in answer.items() if problem]
    answering = f"{len(answer) - len(lost)} of {len(answer)} workers answer"
    return "; ".join([answering, *lost]) if answer else "one server"


def _transactions(answer: dict[str, Any]) -> str:
    oldest = answer["oldest"]
    text = (
        f"the oldest is {duration(oldest['age'])} old, pid {oldest['pid']}, role {oldest['role']}"
        if oldest
        else "no other open"
    )
    number = answer["prepared"]["number"]
    return f"{text}; {number} prepared"


LINES = {
    "server": _server,
    "history": _history,
    "clock": lambda answer: f"this machine's is {difference(answer['seconds_ahead'])} the server's",
    "schema": _schema,
    "backup": _job,
    "purge": _job,
    "purge_due": _numbers,
    "weekly_plays": _job,
    "recount": _job,
    "queue": _queue,
    "invalid_indexes": lambda answer: ", ".join(answer["names"]) or "none",
    "staff_log": lambda answer: (
        f"latest entry {answer['latest'] or 'none'}, "
        + ("; ".join(answer["changes"]) or "append-only")
    ),
    "connections": lambda answer: f"{answer['used']} of {answer['most']}",
    "transactions": _transactions,
    "transaction_ids": _transaction_ids,
    "replication": _replication,
    "nodes": _nodes,
    "admin_replicas": _admin_replicas,
    "planner": lambda answer: (
        f"random_page_cost {answer['random_page_cost']:g} ({answer['source']})"
    ),
}
