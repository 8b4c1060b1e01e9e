"""Deferred statements at the end of a migration, such as foreign keys, may wait and fail too."""

import pytest
from django.db import connection

from tests.deploy.later import a_copy, a_migration, a_table, apply, key, session
from veza_core.operations.deploy.executor import MigrationReport

pytestmark = pytest.mark.django_db

THERE = "SELECT to_regclass('public.reports') IS NOT NULL, (SELECT count(*) = 1 FROM \
django.django_migrations WHERE name = '950_later')"


def test_a_foreign_key_that_waited_too_long_is_added_by_the_next_attempt(migrated):
    class Report(MigrationReport):
        tries = 0

        def waiting(self, migration, pause, blockers):
            self.tries += 1
            with session(name) as third:
                # Between two attempts it holds no lock.
                assert third.execute(THERE).fetchone() == (False, False)
                third.execute("LOCK TABLE tracks IN ACCESS EXCLUSIVE MODE NOWAIT")
            assert not connection.in_atomic_block
            other.rollback()

    report = Report()
    migration = a_migration(
        *a_table(fields=[("user", key()), ("track", key("veza_streaming.track"))])
    )
    with a_copy(migrated) as name, session(name) as other:
        other.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        apply(migration, report=report, timeout=1.0)
        assert report.tries == 1
        assert not connection.in_atomic_block
        with session(name) as third:
            assert third.execute(THERE).fetchone() == (True, True)
