"""Deletions, which are measured and rolled back: a whole user, and expired tokens."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connections as django_connections
from django.db import transaction

from benchmarks.queries import databases, report, stock
from benchmarks.queries.query import SCHEMAS
from benchmarks.server import Server

#: Seconds after which a deletion is stopped.
PATIENCE = 60
ROUNDS = 3
#: A deletion that takes longer than this is measured only once.
LONG = 10
#: Tokens that one statement deletes.
BATCH = 1_000
BATCHES = 10

HEAVY = "SELECT id FROM users WHERE email = 'heavy@example.com'"
PURGE = f"""DELETE FROM refresh_tokens WHERE id IN (
    SELECT id FROM refresh_tokens WHERE expires_at < CURRENT_TIMESTAMP LIMIT {BATCH})"""

#: The statements of a service if foreign keys do not cascade: referring rows first.
BY_HAND = [
    *(
        f"DELETE FROM {table} WHERE track_id IN (SELECT id FROM tracks WHERE user_id = ({HEAVY}))"
        for table in (
            "bitrate_adaptation_logs", "hls_transcode_queue", "hls_streams", "track_comments",
            "track_shares", "track_likes", "track_plays", "playlist_tracks",
        )
    ),
    f"UPDATE track_plays SET user_id = NULL WHERE user_id = ({HEAVY})",
    f"UPDATE bitrate_adaptation_logs SET user_id = NULL WHERE user_id = ({HEAVY})",
    *(
        f"DELETE FROM {table} WHERE user_id = ({HEAVY})"
        for table in (
            "track_comments", "track_shares", "track_likes", "playlist_follows",
            "playlist_collaborators", "user_roles", "user_sessions", "refresh_tokens", "tracks",
        )
    ),
    "DELETE FROM users WHERE email = 'heavy@example.com'",
]  # fmt: skip


def run(server: Server, connections: dict[str, psycopg.Connection]) -> list[dict[str, Any]]:
    """Measure all; return a result for each scenario and schema, in seconds."""
    deletions: dict[str, Callable[[], float]] = {
        "v1": lambda: _seconds(
            connections["v1"], ["DELETE FROM users WHERE email = 'heavy@example.com'"]
        ),
        "lab": lambda: _seconds(connections["lab"], BY_HAND),
        "stock": lambda: _delete_by_django(server),
    }
    purges = {
        schema: lambda schema=schema: _seconds(connections[schema], [PURGE] * BATCHES)
        for schema in SCHEMAS
    }
    return [
        _measure("hard delete of a user", deletions),
        _measure(f"purge of {BATCH * BATCHES:,} tokens, {BATCH:,} at a time", purges),
    ]


def _measure(name: str, actions: dict[str, Callable[[], float]]) -> dict[str, Any]:
    times: dict[str, list[float | None]] = {schema: [] for schema in actions}
    for number in range(ROUNDS):
        report.step(f"{name}, round {number + 1} of {ROUNDS}")
        for schema, action in actions.items():
            if any(seconds is None or seconds > LONG for seconds in times[schema]):
                continue
            try:
                times[schema].append(round(action(), 4))
            except psycopg.errors.QueryCanceled:
                times[schema].append(None)
    return {"name": name, "patience": PATIENCE, "seconds": times}


def _seconds(connection: psycopg.Connection, statements: list[str]) -> float:
    """Return the seconds of the statements in one transaction, including deferred checks."""
    with connection.transaction(force_rollback=True):
        started = time.perf_counter()
        for statement in statements:
            left = PATIENCE - (time.perf_counter() - started)
            connection.execute(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}")
            connection.execute(statement)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return time.perf_counter() - started


def _delete_by_django(server: Server) -> float:
    """Run `user.delete()` of stock Django, which collects the user's rows in Python."""
    alias = stock.connect(server, databases.NAMES["stock"])
    user_model = stock.stock_models().get_model("veza_core", "user")
    try:
        with transaction.atomic(using=alias), django_connections[alias].cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}s'")
            user = user_model._default_manager.using(alias).get(email="heavy@example.com")
            started = time.perf_counter()
            # The alias is explicit, because a router could choose another one.
            user.delete(using=alias)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            seconds = time.perf_counter() - started
            transaction.set_rollback(True, using=alias)
            return seconds
    finally:
        django_connections[alias].close()
