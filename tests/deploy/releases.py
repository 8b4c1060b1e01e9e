"""Releases 1.1, 1.2 and 1.3 that nobody gets: one of each kind of change of docs/changing.md."""

from itertools import count
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations import Migration, RunSQL, SeparateDatabaseAndState

from tests.deploy.later import BY_TITLE, POSITIVE, TEXT, a_migration, a_table, add, key
from veza_core.db.constraint_operations import SetNotNull
from veza_core.db.indexes import Index
from veza_core.db.operations import AddEnumValue, InsertPermissions, KeepUpdatedAt
from veza_core.operations.backfill import Backfill, CopyRows

#: `album` is going to be `record`: whoever writes one writes both.
SYNC = """
CREATE FUNCTION copy_album() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$ BEGIN
    IF NEW.record IS DISTINCT FROM NEW.album THEN
        IF TG_OP = 'UPDATE' AND NEW.record IS DISTINCT FROM OLD.record THEN
            NEW.album = NEW.record;
        ELSE
            NEW.record = coalesce(NEW.album, NEW.record);
        END IF;
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER copy_album BEFORE INSERT OR UPDATE ON tracks
FOR EACH ROW EXECUTE FUNCTION copy_album()
"""
TRACK = [("track", key("veza_streaming.track"))]
BY_TRACK = Index(fields=["track"], name="idx_reports_track_id")
BY_EDITOR = Index(fields=["editor"], name="idx_tracks_editor_id")


def alone(operation: Any) -> tuple[Any, ...]:
    """In no transaction."""
    return (operation,)


RELEASES: dict[str, list[Any]] = {
    "1.1": [
        [add("mood", TEXT), add("shown", models.IntegerField(db_default=0))],
        [add("record", models.CharField(max_length=255, null=True)), RunSQL(SYNC), RunSQL(TRIGGER)],
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
        alone(Backfill("tracks", {"record": "album"}, "record IS DISTINCT FROM album")),
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
        [SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Report")])],
    ],
    "1.3": [
        [
            RunSQL("DROP TRIGGER copy_album ON tracks"),
            RunSQL("DROP FUNCTION copy_album()"),
            RunSQL("ALTER TABLE tracks DROP COLUMN album"),
        ],
        [RunSQL("DROP TABLE reports")],
    ],
}


def until(version: str) -> list[Migration]:
    """All migrations of the releases up to this one, in their order."""
    numbers = count(940)
    return [
        a_migration(*part, atomic=not isinstance(part, tuple), name=f"{next(numbers)}_rehearsed")
        for name, parts in RELEASES.items()
        for part in parts
        if name <= version
    ]
