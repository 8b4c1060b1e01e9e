"""schema/grants.example.sql: what each service may do, and that it may do nothing else."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from benchmarks.queries.statements import STATEMENTS, Statement
from tests.services.test_document import COLUMNS, table
from tests.support import ROOT, administer, server_parameters
from veza_core.secret_columns import SECRET_COLUMNS

EXAMPLE = (ROOT / "schema" / "grants.example.sql").read_text()
#: What docs/services.md calls each role.
SERVICES = {"api": "API", "stream": "stream server", "chat": "chat server", "analytics": None}
FILES = {
    "api": ("users.sql", "sessions.sql", "tracks.sql", "playlists.sql", "listening.sql"),
    "stream": ("streams.sql",),
    "chat": ("rooms.sql",),
}
#: Who runs a statement that is in another one's file.
PLAYS = ("RecordPlay", "RecordPlays", "CountPlay", "CountPlays")
ALSO = {
    "api": ("EnqueueTranscodeJob", "ReadyStream"),
    "stream": (*PLAYS, "MoveTrack", "UserForAccessToken", "HiddenOwners"),
    "chat": ("UserForAccessToken", "HiddenOwners"),
}
ELSEWHERE = {"api": PLAYS, "stream": ("EnqueueTranscodeJob",), "chat": ()}
KEPT = {"id", "created_at", "updated_at"}


def statements_of(service: str) -> list[Statement]:
    """What the service runs; analytics writes its own."""
    return [
        statement
        for statement in STATEMENTS.values()
        if (statement.file in FILES[service] and statement.name not in ELSEWHERE[service])
        or statement.name in ALSO[service]
    ]


@pytest.fixture(scope="module")
def roles(services) -> Iterator[dict[str, str]]:
    """The example's roles, with names that no other test uses."""
    own = uuid.uuid4().hex[:12]
    names = {service: f"veza_{service}_{own}" for service in SERVICES}
    script = EXAMPLE
    for service, name in names.items():
        script = script.replace(f"veza_{service}", name)
    administer_in(services, script)
    # A second time, too.
    administer_in(services, script)
    yield names
    for name in names.values():
        administer_in(services, f"DROP OWNED BY {name}")
        administer(f"DROP ROLE {name}")


def administer_in(database: str, script: str) -> None:
    with psycopg.connect(**server_parameters(), dbname=database) as connection:
        connection.execute(script)


def refused(session, role, statement):
    """Whether PostgreSQL refuses the statement to the role, by asking it for a plan."""
    count = statement.parameters
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    session.begin()
    try:
        session.execute(f"SET LOCAL ROLE {role}")
        session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        session.execute(f"PREPARE hot AS {statement.sql}")
        session.execute(f"EXPLAIN EXECUTE hot{arguments}")
    except psycopg.errors.InsufficientPrivilege:
        return True
    finally:
        session.execute("ROLLBACK")
        session.execute("DEALLOCATE ALL")
    return False


@pytest.mark.parametrize("service", FILES)
def test_a_service_runs_its_statements(first, roles, service):
    assert [s.name for s in statements_of(service) if refused(first, roles[service], s)] == []


def test_each_statement_is_somebody_s():
    names = {statement.name for service in FILES for statement in statements_of(service)}

    assert names == {*STATEMENTS}


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        *((service, "UserByEmail") for service in ("stream", "chat", "analytics")),
        *((service, "RotateRefreshToken") for service in ("stream", "chat", "analytics")),
        *((service, "ShareByToken") for service in ("stream", "chat", "analytics")),
        ("api", "CountPlay"),
        ("api", "TakeTranscodeJob"),
        ("stream", "LikeTrack"),
        ("stream", "CreateTrack"),
        ("chat", "PlayableTrack"),
        ("analytics", "RecordPlay"),
    ],
)
def test_a_service_does_not_run_another_services_statements(first, roles, service, statement):
    assert refused(first, roles[service], STATEMENTS[statement])


def may(session, role, relation, column, right):
    return session.one(
        "SELECT has_column_privilege($1, 'public.' || $2::text, $3, $4)",
        role, relation, column, right,
    )  # fmt: skip


def test_only_the_api_reads_secrets(first, roles):
    for relation, columns in SECRET_COLUMNS.items():
        for column in columns:
            readers = {
                service
                for service, role in roles.items()
                if may(first, role, relation, column, "SELECT")
            }
            assert readers == {"api"}, f"{relation}.{column}"


def test_each_column_is_written_by_whom_the_document_names(first, roles):
    written = {
        (name, column): {*writers.split(", ")}
        for name, writers, cell in table("table")
        for column in cell.split(", ")
    }
    for relation, column, _ in first.execute(COLUMNS).fetchall():
        if column in KEPT:
            continue
        writers = {
            SERVICES[service]
            for service, role in roles.items()
            if any(may(first, role, relation, column, right) for right in ("INSERT", "UPDATE"))
        }
        named = written.get((relation, column), {"API"})
        assert writers == named - {"staff", "job"}, f"{relation}.{column}"


def test_nobody_deletes_rows_or_changes_the_schema(first, roles):
    for role in roles.values():
        assert not first.one("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
        tables = first.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND has_table_privilege($1, oid, 'DELETE, TRUNCATE, TRIGGER')",
            role,
        )
        assert tables.fetchall() == []
        owned = first.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = $1", role
        )
        assert owned.fetchall() == [(False,)]
        assert not first.one("SELECT has_schema_privilege($1, 'django', 'USAGE')", role)


def test_analytics_sees_no_e_mail_and_no_address(first, roles):
    for relation, column, _ in first.execute(COLUMNS).fetchall():
        if column in {"email", "ip_address", "content", "user_agent", "first_name", "birthdate"}:
            assert not may(first, roles["analytics"], relation, column, "SELECT"), column
