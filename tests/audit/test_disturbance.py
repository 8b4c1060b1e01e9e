"""Other sessions drop objects that the audit reads, hold locks, or finish their work meanwhile."""

import psycopg
import pytest

from veza_core.schema.audit import disturbance, engine
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.reader import read_catalog
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.audit.session import AuditError

SCHEMA = """
CREATE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TABLE plays (id uuid, n int DEFAULT one());
"""


@pytest.fixture
def url(make_database, request):
    url = make_database(f"audit_{request.node.name.split('[')[0][-40:]}")
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    return url


def meddle(monkeypatch, url, *statements):
    """Run statements in another session after the audit's snapshot; return how often."""
    readings = []

    def read(connection, schemas):
        readings.append(schemas)
        if len(readings) == 1:
            with psycopg.connect(url, autocommit=True) as other:
                for statement in statements:
                    other.execute(statement)
        return read_catalog(connection, schemas)

    monkeypatch.setattr(engine, "read_catalog", read)
    return readings


def test_what_was_dropped_meanwhile_is_read_again(url, monkeypatch):
    readings = meddle(
        monkeypatch, url, "ALTER TABLE plays ALTER n DROP DEFAULT", "DROP FUNCTION one()"
    )
    with psycopg.connect(url) as connection:
        report = audit(connection, ["public"], CATALOG_RULES)
    assert (report.table_count, len(readings)) == (1, 2)


def test_a_permanent_error_is_reported_at_the_end(url, monkeypatch):
    """As in a damaged catalog."""
    readings = meddle(
        monkeypatch,
        url,
        "DELETE FROM pg_proc WHERE proname = 'one'",
    )
    monkeypatch.setattr(disturbance, "ATTEMPTS", 3)
    with (
        psycopg.connect(url) as connection,
        pytest.raises(psycopg.errors.InternalError_, match="cache lookup failed"),
    ):
        audit(connection, ["public"], CATALOG_RULES)
    assert len(readings) == 3


def test_lock_in_the_way_names_the_table(url, monkeypatch):
    monkeypatch.setattr("veza_core.schema.audit.session.LOCK_TIMEOUT", "100ms")
    with psycopg.connect(url, application_name="deploy") as migration:
        migration.execute("CREATE INDEX ON plays ((n + 1)); LOCK TABLE plays")
        migration.commit()
        migration.execute("LOCK TABLE plays")
        with psycopg.connect(url) as connection, pytest.raises(AuditError) as error:
            audit(connection, ["public"], CATALOG_RULES)
    text = str(error.value)
    assert "table public.plays is locked by pid " in text
    assert "(deploy, role " in text
    assert "LOCK TABLE plays" in text


def test_index_that_was_ready_after_the_snapshot_is_no_finding(url, monkeypatch):
    """The snapshot has it as invalid, and its build holds no lock any more."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE INDEX i ON plays (id); CREATE INDEX j ON plays (n);"
                           "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text"
                           " IN ('i', 'j')")  # fmt: skip
    meddle(
        monkeypatch,
        url,
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'i'::regclass",
    )
    with psycopg.connect(url) as connection:
        report = audit(connection, ["public"], CATALOG_RULES)
    invalid = [each.object for each in report.findings if each.rule.id == "index-invalid"]
    assert invalid == ["public.j"]
