"""The rehearsed releases 1.1, 1.2 and 1.3, with each kind of change in docs/changing.md."""

import re
from itertools import count
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations import Migration, RunSQL, SeparateDatabaseAndState
from django.db.models import CheckConstraint, Q

from tests.deploy.later import BY_TITLE, POSITIVE, TEXT, a_migration, a_table, add, key
from tests.support import ROOT
from veza_core.db.constraint_operations import SetNotNull
from veza_core.db.indexes import Index
from veza_core.db.operations import AddEnumValue, InsertPermissions, KeepUpdatedAt
from veza_core.operations.backfill import Backfill, CopyRows
from veza_core.operations.deploy.lint import headings

#: The function and the trigger of a rename in docs/changing.md, by the old and new name.
BLOCK = re.compile(r"^    CREATE FUNCTION public\.copy_album.*?copy_album\(\);$", re.M | re.S)
[RENAMED] = BLOCK.findall((ROOT / headings.PAGE).read_text("utf-8"))


def copied(old: str, new: str) -> list[RunSQL]:
    """Operations with which a write of one of the two columns of `tracks` writes both."""
    sql = RENAMED.replace("record", new).replace("album", old)
    function, trigger = sql.split("CREATE TRIGGER")
    return [RunSQL([function]), RunSQL([f"CREATE TRIGGER {trigger}"])]


def no_longer_copied(column: str) -> list[RunSQL]:
    """Operations that drop the old column, and its trigger."""
    return [
        RunSQL(f"DROP TRIGGER copy_{column} ON tracks"),
        RunSQL(f"DROP FUNCTION copy_{column}()"),
        RunSQL(f"ALTER TABLE tracks DROP COLUMN {column}"),
    ]


TRACK = [("track", key("veza_streaming.track"))]
BY_TRACK = Index(fields=["track"], name="idx_reports_track_id")
BY_EDITOR = Index(fields=["editor"], name="idx_tracks_editor_id")
#: A value of an enum type, and one of a text column, which no service writes since 1.1.
NOT_FAILED = CheckConstraint(condition=~Q(status="failed"), name="chk_tracks_status_later")
NOT_DOWNLOAD = CheckConstraint(
    condition=Q(permission="stream"), name="chk_track_shares_permission_later"
)


def alone(operation: Any) -> tuple[Any, ...]:
    """A migration without a transaction."""
    return (operation,)


RELEASES: dict[str, list[Any]] = {
    "1.1": [
        [add("mood", TEXT), add("shown", models.IntegerField(db_default=0))],
        [add("record", models.CharField(max_length=255, null=True)), *copied("album", "record")],
        [add("year", models.IntegerField(null=True)), *copied("release_year", "year")],
        alone(Backfill("tracks", {"record": "album"}, "record IS DISTINCT FROM album")),
        alone(Backfill("tracks", {"year": "release_year"}, "year IS DISTINCT FROM release_year")),
        [add("editor", key(null=True, on_delete=models.DB_SET_NULL))],
        alone(AddIndexConcurrently("track", BY_EDITOR)),
        alone(AddIndexConcurrently("track", BY_TITLE)),
        [
            *a_table(fields=TRACK),
            migrations.AddIndex("report", BY_TRACK),
            KeepUpdatedAt("reports"),
            InsertPermissions("reports"),
        ],
        [AddEnumValue("track_status", "hidden")],
        [AddConstraintNotValid("track", POSITIVE)],
        [ValidateConstraint("track", POSITIVE.name)],
    ],
    "1.2": [
        alone(Backfill("tracks", {"mood": "'calm'"}, "mood IS NULL AND title LIKE '%'")),
        alone(Backfill("tracks", {"status": "'ready'"}, "status = 'failed'")),
        [AddConstraintNotValid("track", NOT_FAILED)],
        [ValidateConstraint("track", NOT_FAILED.name)],
        alone(Backfill("track_shares", {"permission": "'stream'"}, "permission = 'download'")),
        [AddConstraintNotValid("trackshare", NOT_DOWNLOAD)],
        [ValidateConstraint("trackshare", NOT_DOWNLOAD.name)],
        [migrations.RemoveConstraint("trackshare", "chk_track_shares_permission")],
        alone(
            CopyRows(
                "reports",
                "tracks",
                {"track_id": "tracks.id"},
                "NOT EXISTS (SELECT FROM reports WHERE reports.track_id = tracks.id)",
            )
        ),
        alone(SetNotNull("track", "genre", models.CharField(max_length=100))),
        [SeparateDatabaseAndState(state_operations=[migrations.RemoveField("track", "album")])],
        [
            SeparateDatabaseAndState(
                state_operations=[migrations.RemoveField("track", "release_year")]
            )
        ],
        [SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Report")])],
    ],
    "1.3": [
        no_longer_copied("album"),
        no_longer_copied("release_year"),
        [RunSQL("DROP TABLE reports")],
    ],
}


def until(version: str) -> list[Migration]:
    """All migrations of the releases up to this one, in order."""
    numbers = count(940)
    return [
        a_migration(
            *part,
            atomic=not isinstance(part, tuple),
            name=f"{next(numbers)}_rehearsed",
        )
        for name, parts in RELEASES.items()
        for part in parts
        if name <= version
    ]
