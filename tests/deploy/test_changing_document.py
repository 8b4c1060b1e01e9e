"""docs/changing.md has the headings that lint names, and the locks that are taken."""

import re

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, migrations, models
from django.db.migrations import RunSQL

from tests.deploy.later import (
    BY_TITLE,
    POSITIVE,
    TEXT,
    UNIQUE,
    a_copy,
    a_migration,
    a_table,
    add,
    key,
)
from tests.support import ROOT
from veza_core.db.constraint_operations import (
    AddForeignKeyNotValid,
    AddUniqueConcurrently,
    SetNotNull,
)
from veza_core.db.operations import AddEnumValue
from veza_core.operations.backfill import Backfill, CopyRows
from veza_core.operations.deploy.executor import Executor, MigrationReport
from veza_core.operations.deploy.lint import headings
from veza_core.operations.deploy.plan_sql import run_observed

pytestmark = pytest.mark.django_db

PAGE = (ROOT / headings.PAGE).read_text("utf-8")
CHAPTERS = {
    name: " ".join(text.split())
    for name, text in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}
ALL, WRITES, CHANGES = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"
NAMED = {
    value
    for name, value in vars(headings).items()
    if name.isupper() and isinstance(value, str) and name != "PAGE"
}

#: By chapter: earlier operations, a migration, and its locks on existing tables.
LOCKS = {
    headings.ADD_COLUMN: [([], [add("mood", TEXT)], {"tracks": ALL})],
    headings.DEFAULT: [([], [add("mood", models.IntegerField(db_default=1))], {"tracks": ALL})],
    headings.SET_NOT_NULL: [
        ([], (SetNotNull("track", "genre", models.CharField(max_length=100)),), {"tracks": ALL}),
        (
            [RunSQL("ALTER TABLE tracks ADD CONSTRAINT c CHECK (genre IS NOT NULL) NOT VALID")],
            [RunSQL("ALTER TABLE tracks VALIDATE CONSTRAINT c")],
            {"tracks": CHANGES},
        ),
    ],
    headings.DROP_NOT_NULL: [
        ([], [RunSQL("ALTER TABLE tracks ALTER title DROP NOT NULL")], {"tracks": ALL})
    ],
    headings.SPLIT: [
        (
            [],
            a_table(fields=[("track", key("veza_streaming.track"))]),
            {"tracks": WRITES},
        ),
        (
            a_table(fields=[("track", key("veza_streaming.track"))]),
            (CopyRows("reports", "tracks", {"track_id": "tracks.id"}, "title IS NULL"),),
            {},
        ),
    ],
    headings.TABLE: [
        ([], a_table(fields=[("track", key("veza_streaming.track"))]), {"tracks": WRITES})
    ],
    headings.ENUM_VALUE: [([], [AddEnumValue("track_status", "hidden")], {})],
    headings.INDEX: [([], (AddIndexConcurrently("track", BY_TITLE),), {"tracks": CHANGES})],
    headings.DROP_INDEX: [
        ([], (RemoveIndexConcurrently("track", "idx_tracks_created_at"),), {"tracks": CHANGES}),
        ([], [RunSQL("DROP INDEX idx_tracks_created_at")], {"tracks": ALL}),
    ],
    headings.CHECK: [
        ([], [AddConstraintNotValid("track", POSITIVE)], {"tracks": ALL}),
        (
            [AddConstraintNotValid("track", POSITIVE)],
            [ValidateConstraint("track", POSITIVE.name)],
            {"tracks": CHANGES},
        ),
        ([], (AddUniqueConcurrently("track", UNIQUE),), {"tracks": ALL}),
    ],
    headings.FOREIGN_KEY: [
        ([], [add("editor", key(null=True))], {"tracks": ALL, "users": WRITES}),
        (
            [add("editor", key(null=True, db_constraint=False))],
            [AddForeignKeyNotValid("track", "editor", key(null=True))],
            {"tracks": WRITES, "users": WRITES},
        ),
        (
            [
                add("editor", key(null=True, db_constraint=False)),
                AddForeignKeyNotValid("track", "editor", key(null=True)),
            ],
            [ValidateConstraint("track", "tracks_editor_id_fkey")],
            {"tracks": CHANGES},
        ),
    ],
    headings.FILL: [
        (
            [RunSQL("INSERT INTO users (email, username) VALUES ('a@x.co', 'abc')")],
            (Backfill("users", {"slug": "username"}, "slug IS NULL"),),
            {"users": "ROW EXCLUSIVE"},
        )
    ],
    headings.DROP_COLUMN: [([], [RunSQL("ALTER TABLE tracks DROP COLUMN album")], {"tracks": ALL})],
    headings.DROP_TABLE: [
        (
            [],
            [migrations.DeleteModel("TrackShare")],
            {"track_shares": ALL, "tracks": ALL, "users": ALL},
        )
    ],
}


@pytest.mark.parametrize("chapter", LOCKS)
def test_locks(migrated, chapter):
    for before, operations, expected in LOCKS[chapter]:
        with a_copy(migrated):
            state = Executor(connection, 5.0, MigrationReport()).state_before()
            if before:
                _, state = run_observed(connection, state, a_migration(*before, name="949_a"))
            migration = a_migration(*operations, atomic=not isinstance(operations, tuple))
            locks, _ = run_observed(connection, state, migration)
        assert locks == expected, operations
        for lock in expected.values():
            assert lock in CHAPTERS[chapter], f"{chapter} says nothing of {lock}"


def test_every_heading_that_lint_names_is_there():
    assert NAMED - CHAPTERS.keys() == set()


def test_the_table_of_contents_is_the_headings():
    linked = re.findall(r"^- \[(.+)\]\(#(.+)\)$", PAGE, re.M)
    assert [name for name, _ in linked] == list(CHAPTERS)
    for name, where in linked:
        assert headings.anchor(name) == f"{headings.PAGE}#{where}"


def test_links_within_the_page_lead_somewhere():
    anchors = {headings.anchor(name).partition("#")[2] for name in CHAPTERS}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - anchors == set()
