"""What works after `distribute`: later releases, recount, roles, the admin, the hot queries."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import models
from django.db.models import CheckConstraint, Q

from benchmarks.admin.every import every
from benchmarks.queries import samples
from benchmarks.queries.catalogue import QUERIES
from benchmarks.queries.statements import STATEMENTS
from tests.deploy.later import TEXT, a_migration, add, on_disk
from tests.distribute.conftest import filled_database
from tests.distribute.nodes import Node
from tests.in_process import default_database
from tests.staff import make_user, signed_in
from veza_core.db.indexes import Index
from veza_core.models import UserRole
from veza_core.operations.backfill import Backfill
from veza_site.roles.sync import sync
from veza_site.roles.wanted import READER, LoginRole

PARAMETERS = re.compile(r"\$(\d+)")

#: A value for each type of a parameter in the services' statements. An enum has its first value.
VALUES = {
    "uuid": "gen_random_uuid()",
    "boolean": "true",
    "jsonb": "'{}'",
    "inet": "'192.0.2.1'",
    "timestamp with time zone": "CURRENT_TIMESTAMP",
    **dict.fromkeys(("text", "character varying"), "'XX'"),
    **dict.fromkeys(("smallint", "integer", "bigint", "double precision", "numeric"), "1"),
}
TYPES = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'hot'"


def asked(session: psycopg.Connection, drawn: dict[str, Any]) -> dict[str, Any]:
    """The result of each hot query, or its error. All changes are rolled back."""
    answers: dict[str, Any] = {}
    for query in QUERIES:
        found = []
        for row in drawn[query.name]:
            values = {f"p{number}": value for number, value in enumerate(row, 1)}
            try:
                with session.transaction(force_rollback=True):
                    for statement in query.statements("v1"):
                        text = PARAMETERS.sub(r"%(p\1)s", statement.replace("%", "%%"))
                        cursor = session.execute(text.encode(), values)
                        found.append(cursor.fetchall() if cursor.description else cursor.rowcount)
            except psycopg.Error as error:
                found.append(f"{error.sqlstate}: {error.diag.message_primary}")
        answers[query.name] = found
    return answers


@pytest.fixture(scope="module", params=["L", "A"])
def spread(citus: None, request: Any) -> Iterator[tuple[Node, dict[str, Any], dict[str, Any], str]]:
    """A layout, with the results of the hot queries before it."""
    with filled_database() as node:
        drawn = {query.name: samples.draw(node.session, query, 3) for query in QUERIES}
        before = asked(node.session, drawn)
        node.done("distribute", "--layout", request.param, "--shards", "4", "--verbosity", "0")
        yield node, drawn, before, request.param


def test_the_hot_queries(spread: Any, subtests: Any) -> None:
    node, drawn, before, _ = spread
    after = asked(node.session, drawn)
    for query in QUERIES:
        with subtests.test(query.name):
            if query.writes:
                assert [each for each in after[query.name] if isinstance(each, str)] == []
            else:
                assert after[query.name] == before[query.name]


def some_value(kind: str) -> str:
    element = kind.removesuffix("[]")
    value = VALUES.get(element, f"enum_first(NULL::{element})")
    return value if element == kind else f"ARRAY[{value}::{element}]"


def test_every_statement_of_the_services(spread: Any, subtests: Any) -> None:
    """Citus supports all of them, also with a generic plan. test_races tests their effects."""
    node, *_ = spread
    for statement in STATEMENTS.values():
        with subtests.test(statement.name):
            refused = ""
            try:
                node.session.execute(f"PREPARE hot AS {statement.sql}".encode())
                values = ", ".join(some_value(kind) for (kind,) in node.rows(TYPES))
                # PostgreSQL considers a generic plan from the sixth run on.
                for _ in range(7):
                    with node.session.transaction(force_rollback=True):
                        node.session.execute(f"EXECUTE hot{values and f'({values})'}".encode())
            except psycopg.errors.IntegrityError:
                pass
            except psycopg.Error as error:
                # No row has these ids. Citus runs RecordPlays as COPY, with SQLSTATE XX000.
                if "violates foreign key constraint" not in str(error):
                    refused = f"{error.sqlstate}: {error.diag.message_primary}"
            finally:
                node.session.execute("DEALLOCATE ALL")
            assert refused == ""


def test_every_page(spread: Any) -> None:
    node, *_ = spread
    with default_database(node.url):
        staff = make_user("staff", role=UserRole.SUPER_ADMIN)
        client = signed_in(staff)
        client.raise_request_exception = False
        failed = []
        number = 0
        for _, cases in every():
            for case in cases:
                number += 1
                if (answer := client.get(case.url)).status_code != 200:
                    failed.append((case.url, answer.status_code))
        staff.delete()
    assert failed == []
    assert number > 250


BY_VOLUME = Index(fields=["volume"], name="idx_track_plays_volume")
QUIET = CheckConstraint(condition=Q(volume__gte=0), name="chk_track_plays_volume")
VOLUME = models.IntegerField(null=True)


def test_a_later_release(spread: Any, settings: Any) -> None:
    """Each kind of change, to a distributed table and to a table that is not distributed.

    Another session locks a row on another node: the run ends with a message, and the next run
    continues.
    """
    node, *_ = spread
    settings.BACKFILL_BATCH_SIZE, settings.MIGRATE_LOCK_ATTEMPTS = 100, 1
    parts = [
        [add("volume", VOLUME, "trackplay"), add("mood", TEXT)],
        (Backfill("tracks", {"mood": "'calm'"}, "mood IS NULL"),),
        (Backfill("track_plays", {"volume": "7"}, "volume IS NULL"),),
        (AddIndexConcurrently("trackplay", BY_VOLUME),),
        [AddConstraintNotValid("trackplay", QUIET)],
        [ValidateConstraint("trackplay", QUIET.name)],
    ]
    later = [
        a_migration(*part, atomic=isinstance(part, list), name=f"{940 + number}_rehearsed")
        for number, part in enumerate(parts)
    ]
    left = "SELECT count(*) FROM track_plays WHERE volume IS NULL"
    with on_disk(later[:2]):
        node.done("migrate", "--no-audit", "--verbosity", "0")
    with on_disk(later):
        with psycopg.connect(node.url) as other:
            # One row, by its key: in Citus, updates of several shards wait for each other.
            held = node.value("SELECT id FROM track_plays ORDER BY id OFFSET 250 LIMIT 1")
            other.execute(
                "UPDATE public.track_plays SET created_at = created_at WHERE id = %s", [held]
            )
            result = node.manage("migrate", "--no-audit", "--lock-timeout", "1")
            assert result.returncode == 1
            assert "942_rehearsed could not get its locks within 1 s" in result.stderr
            assert node.value(left) == node.value("SELECT count(*) FROM track_plays") - 200
            other.rollback()
        result = node.manage("migrate", "--no-audit")
        assert result.returncode == 0, result.stderr
        assert "Nothing to do" in node.done("migrate", "--no-audit")
    assert node.value("SELECT count(*) FROM track_plays WHERE volume IS DISTINCT FROM 7") == 0
    assert node.value("SELECT count(*) FROM tracks WHERE mood IS DISTINCT FROM 'calm'") == 0
    with pytest.raises(psycopg.errors.CheckViolation):
        node.session.execute("UPDATE track_plays SET volume = -1")


def test_counters(spread: Any) -> None:
    node, *_ = spread
    node.session.execute("UPDATE tracks SET play_count = 0, like_count = 99")
    node.done("recount", "--verbosity", "0")
    assert node.value("SELECT count(*) FROM tracks WHERE like_count = 99") == 0
    wrong = node.value(
        "WITH played AS MATERIALIZED (SELECT track_id, count(*) AS number FROM track_plays "
        "WHERE created_at < CURRENT_TIMESTAMP - interval '1 hour' GROUP BY 1) "
        "SELECT count(*) FROM tracks JOIN played ON track_id = id WHERE play_count < number"
    )
    assert wrong == 0


@contextmanager
def a_reader(node: Node) -> Iterator[psycopg.Connection]:
    """A session of the role that reads, from `sync_roles`."""
    role = f"veza_support_{uuid.uuid4().hex[:12]}"
    try:
        sync(
            node.session,
            LoginRole(READER, role, "s3cret pw", node.session.info.dbname),
            dry_run=False,
            revoke_from_public=True,
        )
        with psycopg.connect(node.url, user=role, password="s3cret pw") as session:
            yield session
    finally:
        node.session.execute(f"DROP OWNED BY {role}")
        node.session.execute(f"DROP ROLE {role}")


def test_the_role_that_reads(spread: Any) -> None:
    node, *_ = spread
    with a_reader(node) as session:
        session.execute("SELECT count(*) FROM public.track_plays")
