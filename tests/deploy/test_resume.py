"""A plain second run continues from what a killed run has left: indexes and constraints."""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import IntegrityError, connection, models
from django.db.models import Q, UniqueConstraint

from tests.deploy.later import BY_TITLE, a_copy, a_migration, apply, session
from veza_core.db.constraint_operations import AddUniqueConcurrently, SetNotNull
from veza_core.operations.deploy.executor import MigrationReport

pytestmark = pytest.mark.django_db

ADD_INDEX = a_migration(AddIndexConcurrently("track", BY_TITLE), atomic=False)
SET_NOT_NULL = a_migration(
    SetNotNull("track", "genre", models.CharField(max_length=100)), atomic=False
)
INDEX = f"SELECT oid::bigint, indisvalid FROM pg_class JOIN pg_index ON oid = indexrelid \
WHERE relname = '{BY_TITLE.name}'"
USER = "INSERT INTO users (email, username, slug) VALUES ('{0}@x.co', '{0}', '{1}')"


def sql(*statements):
    """Run them; the last one's first row."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def test_a_half_built_index_is_dropped_and_built_again(migrated):
    with a_copy(migrated):
        sql(f"CREATE INDEX {BY_TITLE.name} ON tracks (title, id)")
        left, _ = sql(INDEX)
        sql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {left}")
        apply(ADD_INDEX)
        built, valid = sql(INDEX)
    assert valid
    assert built != left


def test_one_whose_record_was_lost_stays(migrated):
    with a_copy(migrated):
        sql(f"CREATE INDEX {BY_TITLE.name} ON tracks (title, id)")
        before = sql(INDEX)
        apply(ADD_INDEX)
        assert sql(INDEX) == before


def test_a_build_waits_for_older_transactions_without_a_timeout(migrated):
    """And names them; a timeout would discard the index."""

    class Report(MigrationReport):
        def held_up(self, migration, blockers):
            self.blockers = blockers
            other.rollback()

    report = Report()
    with a_copy(migrated) as name, session(name) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM users")
        apply(ADD_INDEX, report=report, timeout=0.2)
        assert sql(INDEX)[1]
        assert report.blockers[0].pid == other.info.backend_pid


STEPS = [
    "ALTER TABLE tracks ADD CONSTRAINT chk_tracks_genre_set CHECK (genre IS NOT NULL) NOT VALID",
    "ALTER TABLE tracks VALIDATE CONSTRAINT chk_tracks_genre_set",
    "ALTER TABLE tracks ALTER COLUMN genre SET NOT NULL",
    "ALTER TABLE tracks DROP CONSTRAINT chk_tracks_genre_set",
]


@pytest.mark.parametrize("done", range(5))
def test_not_null_goes_on_at_its_step(migrated, done):
    with a_copy(migrated):
        sql(*STEPS[:done], "SELECT 1")
        apply(SET_NOT_NULL)
        found = sql(
            "SELECT attnotnull, (SELECT count(*) FROM pg_constraint "
            "WHERE conname = 'chk_tracks_genre_set') FROM pg_attribute "
            "WHERE attrelid = 'tracks'::regclass AND attname = 'genre'"
        )
    assert found == (True, 0)


def test_not_null_changes_nothing_if_a_row_has_null(migrated):
    with a_copy(migrated):
        sql(
            USER.format("one", "one"),
            "INSERT INTO tracks (user_id, title, file_path) SELECT id, 'x', 'x' FROM users",
        )
        with pytest.raises(IntegrityError):
            apply(SET_NOT_NULL)
        # A service can still write NULL.
        sql("INSERT INTO tracks (user_id, title, file_path) SELECT id, 'y', 'y' FROM users")
        sql("UPDATE tracks SET genre = 'jazz'")
        apply(SET_NOT_NULL)


def test_unique_fails_on_duplicates_and_then_goes_on(migrated):
    unique = UniqueConstraint(
        fields=["last_login"], condition=Q(is_banned=False), name="idx_users_x"
    )
    constraint = UniqueConstraint(fields=["token_version", "slug"], name="idx_users_y")
    with a_copy(migrated):
        sql(
            USER.format("one", "one"),
            USER.format("two", "two"),
            "UPDATE users SET last_login_at = '2026-01-01'",
        )
        adding = a_migration(AddUniqueConcurrently("user", unique), app="veza_core", atomic=False)
        with pytest.raises(IntegrityError):
            apply(adding)
        state = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_users_x'::regclass"
        assert sql(state) == (False,)
        sql("UPDATE users SET last_login_at = NULL WHERE username = 'two'")
        apply(adding)
        assert sql(state) == (True,)
        adding = AddUniqueConcurrently("user", constraint)
        again = a_migration(adding, app="veza_core", atomic=False)
        apply(again)
        apply(again)
        kind = "SELECT contype::text FROM pg_constraint WHERE conname = 'idx_users_y'"
        assert sql(kind) == ("u",)
