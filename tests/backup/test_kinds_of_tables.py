"""Kinds of tables that V1 does not have: a backup restores them with their rows."""

import pytest

from tests.backup.state import connect, differences, state_of
from tests.support import run_command

pytestmark = pytest.mark.django_db

REPLACE = ("--replace", "--noinput")


def test_partitioned_tables_come_back(database, path):
    with connect(database) as session:
        session.execute(
            "CREATE TABLE public.events (id int, at date, PRIMARY KEY (id, at)) "
            "PARTITION BY RANGE (at);"
            "CREATE TABLE public.events_old PARTITION OF events DEFAULT PARTITION BY LIST (id);"
            "CREATE TABLE public.events_1 PARTITION OF events_old FOR VALUES IN (1);"
            "CREATE TABLE public.heir (more int) INHERITS (rooms);"
            "INSERT INTO events VALUES (1, '2026-01-01')"
        )
    run_command("backup_db", path, database=database)
    before = state_of(database)
    for _ in range(2):
        run_command("restore_db", path, *REPLACE, database=database)
        assert differences(before, state_of(database)) == ""


def test_tables_without_columns_to_copy_come_back(database, path):
    with connect(database) as session:
        session.execute(
            "CREATE TABLE public.bare (); INSERT INTO bare DEFAULT VALUES;"
            "INSERT INTO bare DEFAULT VALUES;"
            "CREATE TABLE public.made (n int GENERATED ALWAYS AS (7) STORED);"
            "INSERT INTO made DEFAULT VALUES"
        )
    run_command("backup_db", path, database=database)
    before = state_of(database)
    run_command("restore_db", path, *REPLACE, database=database)
    assert differences(before, state_of(database)) == ""


@pytest.mark.parametrize("kind", ["PARTITION OF events DEFAULT", "() INHERITS (rooms)"])
def test_rows_on_another_server_are_not_asked_for(kind, database, path):
    """That server may be down, or accept only another role."""
    with connect(database) as session:
        session.execute(
            "CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody;"
            "CREATE TABLE public.events (id int) PARTITION BY LIST (id);"
            "CREATE TABLE public.near PARTITION OF events FOR VALUES IN (1);"
            f"CREATE FOREIGN TABLE public.far {kind} SERVER nowhere;"
            "INSERT INTO near VALUES (1)"
        )
    run_command("backup_db", path, database=database)
    run_command("restore_db", path, *REPLACE, database=database)
    with connect(database) as session:
        assert session.execute("SELECT 'public.far'::regclass, id FROM near").fetchone()[1] == 1
