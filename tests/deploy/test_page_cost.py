"""`migrate` warns if nobody has set random_page_cost, which a backup does not contain."""

import psycopg
import pytest

from tests import in_process, needs
from tests.clusters import running_cluster
from veza_core.db.embedded import server

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock(monkeypatch):
    """The URL of a server as initdb creates it, with two empty databases."""
    monkeypatch.setattr(server, "TUNING", ())
    with running_cluster(needs.debian_programs(), auth="trust") as home:
        url = f"postgresql://postgres@/{{}}?host={home}"
        with psycopg.connect(url.format("postgres"), autocommit=True) as session:
            for name in ("veza", "restored"):
                session.execute(f"CREATE DATABASE {name}")
        yield url


def test_migrate_reports_that_a_restored_database_lost_it(stock, tmp_path):
    archive = str(tmp_path / "a.dump")

    def told(name, *arguments):
        result = in_process.run(stock.format(name), arguments)
        assert result.returncode == 0, result.stderr
        return result.stderr

    def execute(statement):
        with psycopg.connect(stock.format("postgres"), autocommit=True) as session:
            session.execute(statement)

    def warning(name):
        found = [line for line in told(name, "migrate").splitlines() if "random_page" in line]
        assert len(found) <= 1
        return found

    (line,) = warning("veza")
    statement = "ALTER DATABASE veza SET random_page_cost = 1.1"
    assert line == (
        f"Warning: random_page_cost is PostgreSQL's default, 4; on solid-state disks: {statement}"
    )
    execute(statement)
    assert told("veza", "migrate") == told("veza", "audit_schema") == ""
    told("veza", "backup_db", archive)
    assert "1 warning: manage.py audit_schema" in told("restored", "restore_db", archive)
    assert len(warning("restored")) == 1
    # Also the default value, if somebody has set it for this database, a role or the server.
    for chosen, withdrawn in {
        "ALTER DATABASE restored SET random_page_cost = 4": "ALTER DATABASE restored RESET ALL",
        "ALTER ROLE postgres SET random_page_cost = 4": "ALTER ROLE postgres RESET ALL",
    }.items():
        execute(chosen)
        assert warning("restored") == [], chosen
        execute(withdrawn)
        assert len(warning("restored")) == 1, withdrawn
