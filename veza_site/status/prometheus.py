"""The report as Prometheus text (exposition format 0.0.4): gauges, one sample a line.

The format has three kinds of lines. The client library is for counters in a process, so it is not
used.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from veza_site.status.questions import QUESTIONS
from veza_site.status.report import StatusReport

#: A metric, its value, and its labels.
type Sample = tuple[str, float, dict[str, Any]]

HELP = {
    "veza_database_up": "Whether the database answered.",
    "veza_status_seconds": "How long it took to answer all questions.",
    "veza_question_answered": "Whether a question was answered; if not, its metrics are missing.",
    "veza_attention": "How many problems each question found, as manage.py status shows them.",
    "veza_server_info": "The server's version.",
    "veza_schema_info": "The schema's version.",
    "veza_in_recovery": "Whether the server is a replica.",
    "veza_database_bytes": "The size of the database.",
    "veza_clock_ahead_seconds": "The time of the site's clock minus that of the server's clock.",
    "veza_migrations_pending": "Migrations of this release that are not applied.",
    "veza_migrations_unknown": "Applied migrations that this release does not have.",
    "veza_job_success_timestamp_seconds": "When a job last succeeded; missing: never.",
    "veza_backup_bytes": "The size of the last backup.",
    "veza_purge_due_rows": "Rows that are due for a purge, 1000 at most.",
    "veza_transcode_jobs": "Transcode jobs, 1000 at most.",
    "veza_transcode_oldest_seconds": "The age of the oldest open transcode job.",
    "veza_invalid_indexes": "Invalid indexes, which a failed CREATE INDEX CONCURRENTLY left.",
    "veza_connections": "Sessions on the server.",
    "veza_connections_most": "The most sessions that roles without special privileges can have.",
    "veza_transaction_seconds": "The age of the oldest transaction in the database.",
    "veza_prepared_transaction_seconds": "The age of the oldest prepared transaction.",
    "veza_id_age": "The age of the oldest transaction ids and multixact ids.",
    "veza_id_freeze_max_age": "The age at which autovacuum must freeze.",
    "veza_replica_lag_seconds": "How far a replica is behind.",
    "veza_node_up": "Whether a worker of Citus answered.",
    "veza_admin_replica_used": "Whether the admin reads from a replica; if not, from the primary.",
    "veza_admin_replica_lag_seconds": "How far a replica of the admin is behind.",
    "veza_slot_wal_bytes": "The WAL that a replication slot keeps.",
    "veza_slot_lost": "Whether a slot has lost WAL that its replica needs, or may lose it soon.",
    "veza_random_page_cost": "The planner's random_page_cost.",
}


def render(report: StatusReport | None) -> str:
    """The text. None: the database did not answer."""
    by_name: dict[str, dict[str, float]] = {}
    for name, value, labels in _samples(report):
        values, series = by_name.setdefault(name, {}), _series(name, labels)
        # Two replicas may have the same name and address. A series has one sample.
        values[series] = max(value, values.get(series, value))
    return "".join(
        f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n"
        + "".join(f"{series} {value:.15g}\n" for series, value in values.items())
        for name, values in by_name.items()
    )


def _series(name: str, labels: dict[str, Any]) -> str:
    pairs = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _samples(report: StatusReport | None) -> Iterator[Sample]:
    yield "veza_database_up", report is not None, {}
    if report is None:
        return
    yield "veza_status_seconds", report.seconds, {}
    for question in QUESTIONS:
        yield "veza_question_answered", question in report.answers, {"question": question}
    for question in report.answers:
        number = sum(concern.question == question for concern in report.concerns)
        yield "veza_attention", number, {"question": question}
    for question, samples in SAMPLES.items():
        if (answer := report.answers.get(question)) is not None:
            yield from samples(answer)


def _server(answer: dict[str, Any]) -> Iterator[Sample]:
    yield "veza_server_info", 1, {"version": answer["version"], "database": answer["database"]}
    yield "veza_in_recovery", answer["in_recovery"], {}
    yield "veza_database_bytes", answer["bytes"], {}


def _history(answer: dict[str, Any]) -> Iterator[Sample]:
    yield "veza_migrations_pending", len(answer["pending"]), {}
    yield "veza_migrations_unknown", len(answer["unknown"]), {}


def _schema(answer: dict[str, Any]) -> Iterator[Sample]:
    yield "veza_schema_info", 1, {"version": answer["schema_version"] or ""}


def _job(job: str) -> Any:
    def samples(answer: dict[str, Any]) -> Iterator[Sample]:
        if answer["finished_at"] is None:
            return
        time = datetime.fromisoformat(answer["finished_at"]).timestamp()
        yield "veza_job_success_timestamp_seconds", time, {"job": job}
        if "bytes" in answer:
            yield "veza_backup_bytes", answer["bytes"], {}

    return samples


def _purge_due(answer: dict[str, Any]) -> Iterator[Sample]:
    for column, number in answer.items():
        yield "veza_purge_due_rows", number, {"column": column}


def _queue(answer: dict[str, Any]) -> Iterator[Sample]:
    for state, jobs in answer.items():
        yield "veza_transcode_jobs", jobs["number"], {"state": state}
        if state in ("pending", "processing"):
            yield "veza_transcode_oldest_seconds", jobs["oldest"] or 0, {"state": state}


def _connections(answer: dict[str, Any]) -> Iterator[Sample]:
    yield "veza_connections", answer["used"], {}
    yield "veza_connections_most", answer["most"], {}


def _transactions(answer: dict[str, Any]) -> Iterator[Sample]:
    yield "veza_transaction_seconds", (answer["oldest"] or {}).get("age", 0), {}
    yield "veza_prepared_transaction_seconds", answer["prepared"]["oldest"] or 0, {}


def _transaction_ids(answer: dict[str, Any]) -> Iterator[Sample]:
    for kind, prefix in (("transaction", ""), ("multixact", "multixact_")):
        yield "veza_id_age", answer[f"{prefix}age"], {"kind": kind}
        yield "veza_id_freeze_max_age", answer[f"{prefix}freeze_max_age"], {"kind": kind}


def _replication(answer: dict[str, Any]) -> Iterator[Sample]:
    for replica in answer["replicas"]:
        labels = {"replica": replica["application_name"], "address": replica["address"] or ""}
        yield "veza_replica_lag_seconds", replica["seconds_behind"], labels
    if answer["seconds_behind"] is not None:
        yield "veza_replica_lag_seconds", answer["seconds_behind"], {"replica": "this server"}
    for slot in answer["slots"]:
        labels = {"slot": slot["name"]}
        yield "veza_slot_wal_bytes", slot["bytes_kept"] or 0, labels
        yield "veza_slot_lost", slot["wal_status"] in ("unreserved", "lost"), labels


def _admin_replicas(answer: dict[str, Any]) -> Iterator[Sample]:
    for alias, state in answer.items():
        yield "veza_admin_replica_used", not state["left_because"], {"replica": alias}
        if state["seconds_behind"] is not None:
            yield "veza_admin_replica_lag_seconds", state["seconds_behind"], {"replica": alias}


def _nodes(answer: dict[str, Any]) -> Iterator[Sample]:
    for node, problem in answer.items():
        yield "veza_node_up", not problem, {"node": node}


SAMPLES: dict[str, Any] = {
    "server": _server,
    "history": _history,
    "clock": lambda answer: [("veza_clock_ahead_seconds", answer["seconds_ahead"], {})],
    "schema": _schema,
    "backup": _job("backup_db"),
    "purge": _job("purge"),
    "weekly_plays": _job("count_weekly_plays"),
    "recount": _job("recount"),
    "purge_due": _purge_due,
    "queue": _queue,
    "invalid_indexes": lambda answer: [("veza_invalid_indexes", len(answer["names"]), {})],
    "connections": _connections,
    "transactions": _transactions,
    "transaction_ids": _transaction_ids,
    "replication": _replication,
    "nodes": _nodes,
    "admin_replicas": _admin_replicas,
    "planner": lambda answer: [("veza_random_page_cost", answer["random_page_cost"], {})],
}
