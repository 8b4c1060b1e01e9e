"""Releases that follow docs/changing.md, which `lint_migrations` accepts."""

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations import RunSQL
from django.db.models import CheckConstraint, Q, UniqueConstraint

from tests.deploy.later import BY_TITLE, POSITIVE, TEXT, UNIQUE, a_table, add, key
from tests.deploy.lint_refused import TRACK, alter, in_plpgsql, state_only
from tests.deploy.lint_triggers import fires
from veza_core.db.constraint_operations import (
    AddForeignKeyNotValid,
    AddUniqueConcurrently,
    SetNotNull,
)
from veza_core.db.indexes import Index
from veza_core.db.operations import AddEnumValue, InsertPermissions, KeepUpdatedAt
from veza_core.operations.backfill import Backfill, CopyRows

LIKES = "AFTER INSERT ON track_likes"
COMPLETE = (KeepUpdatedAt("reports"), InsertPermissions("reports"))

GOOD = {
    "a column": [[add("mood", TEXT)]],
    "with a default": [[add("mood", models.IntegerField(db_default=1))]],
    "with a default, by SQL": [
        [RunSQL("ALTER TABLE tracks ADD COLUMN mood int NOT NULL DEFAULT 1")]
    ],
    "and NULL": [[add("mood", models.IntegerField(null=True, db_default=1))]],
    "NOT NULL of an old column": [
        (False, SetNotNull(TRACK, "cover_art_path", models.TextField())),
    ],
    "NOT NULL by Django's own": [
        [
            AddConstraintNotValid(
                TRACK, CheckConstraint(condition=Q(cover_art_path__isnull=False), name="chk_t_set")
            )
        ],
        [ValidateConstraint(TRACK, "chk_t_set")],
        [RunSQL("ALTER TABLE tracks ALTER cover_art_path SET NOT NULL")],
    ],
    "text that grows": [[alter("format", models.CharField(max_length=30, null=True))]],
    "a table": [
        a_table(
            "reports",
            *COMPLETE,
            migrations.AddIndex("report", Index(fields=["track"], name="i")),
            fields=[("track", key("veza_streaming.track"))],
        )
    ],
    "an enum value": [[AddEnumValue("track_status", "hidden")]],
    "a type and a table that uses it": [
        [
            RunSQL("CREATE TYPE mood AS ENUM ('good')"),
            *a_table("reports", *COMPLETE),
            RunSQL("ALTER TABLE reports ADD COLUMN mood mood NOT NULL DEFAULT 'good'"),
        ]
    ],
    "an index": [(False, AddIndexConcurrently(TRACK, BY_TITLE))],
    "an index less": [(False, RemoveIndexConcurrently(TRACK, "idx_tracks_genre_created_at"))],
    "a check": [
        [AddConstraintNotValid(TRACK, POSITIVE)],
        [ValidateConstraint(TRACK, POSITIVE.name)],
    ],
    "unique": [(False, AddUniqueConcurrently(TRACK, UNIQUE))],
    "unique among some": [
        (
            False,
            AddUniqueConcurrently(
                TRACK, UniqueConstraint(fields=["title"], condition=Q(deleted_at=None), name="u")
            ),
        )
    ],
    "a key with its column": [
        [add("editor", key(null=True, on_delete=models.DB_SET_NULL))],
        (False, AddIndexConcurrently(TRACK, Index(fields=["editor"], name="idx_tracks_editor_id"))),
    ],
    "a key of a column that is there": [
        [add("editor", key(null=True, db_constraint=False))],
        (False, AddIndexConcurrently(TRACK, Index(fields=["editor"], name="idx_tracks_editor_id"))),
        [AddForeignKeyNotValid(TRACK, "editor", key(null=True))],
        [ValidateConstraint(TRACK, "tracks_editor_id_fkey")],
    ],
    "rows filled": [
        [add("mood", TEXT)],
        (False, Backfill("tracks", {"mood": "'x'"}, "mood IS NULL")),
    ],
    "rows copied": [
        (
            False,
            CopyRows(
                "user_settings",
                "users",
                {"user_id": "users.id"},
                "NOT EXISTS (SELECT FROM user_settings WHERE user_id = users.id)",
            ),
        )
    ],
    "left out of the models": [[state_only(migrations.RemoveField(TRACK, "cover_art_path"))]],
    "left out of the models with a default": [
        [
            RunSQL("ALTER TABLE tracks ALTER COLUMN title SET DEFAULT ''"),
            state_only(migrations.RemoveField(TRACK, "title")),
        ]
    ],
    "reference rows": [
        [
            RunSQL(
                "INSERT INTO roles (name, display_name) VALUES ('editor', 'x') "
                "ON CONFLICT DO NOTHING"
            )
        ]
    ],
    "a comment and a default": [
        [
            RunSQL("COMMENT ON COLUMN tracks.title IS 'x'"),
            RunSQL("ALTER TABLE tracks ALTER COLUMN cover_art_path SET DEFAULT ''"),
        ]
    ],
    "a comment and a default, by Django": [
        [
            alter(
                "genre",
                models.CharField(max_length=100, null=True, db_comment="x", db_default="house"),
            )
        ]
    ],
    "a function that writes, for a trigger": [
        [
            RunSQL(
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN UPDATE tracks SET title = ''; RETURN NEW; END $$"
            )
        ]
    ],
    "triggers that write what belongs to their row": [
        fires("UPDATE tracks SET like_count = like_count + 1 WHERE id = NEW.track_id", LIKES),
        fires(
            "key := coalesce(NEW.track_id, OLD.track_id); "
            "UPDATE tracks SET like_count = like_count + 1 WHERE id = key",
            LIKES,
            declare="DECLARE key uuid;",
        ),
        fires(
            "UPDATE tracks SET like_count = like_count + n FROM "
            "(SELECT track_id, count(*) n FROM added GROUP BY 1) s WHERE id = s.track_id "
            "AND id IN (SELECT track_id FROM added)",
            f"{LIKES} REFERENCING NEW TABLE AS added",
            each="FOR EACH STATEMENT",
        ),
        fires(
            "INSERT INTO user_settings (user_id) SELECT NEW.id ON CONFLICT DO NOTHING; "
            "INSERT INTO user_settings (user_id) VALUES (NEW.id) ON CONFLICT (user_id) "
            "DO UPDATE SET user_id = NEW.id",
            "AFTER INSERT ON users",
        ),
        fires(
            "FOR r IN SELECT id FROM tracks WHERE user_id = NEW.id LOOP "
            "UPDATE tracks SET title = '' WHERE id = r.id; END LOOP",
            "AFTER UPDATE ON users",
            declare="DECLARE r record;",
        ),
        fires(
            "EXECUTE format('UPDATE %I SET title = $1', TG_TABLE_NAME) || ' WHERE id = $2' "
            "USING NEW.title, NEW.id"
        ),
        fires("UPDATE roles SET display_name = 'x'"),
    ],
    "a function that reads": [
        [
            RunSQL([in_plpgsql("PERFORM FROM public.tracks FOR UPDATE OF tracks")]),
            RunSQL("SELECT hidden()"),
        ]
    ],
    "reference rows by a function": [
        [
            RunSQL(
                [
                    in_plpgsql(
                        "INSERT INTO roles (name, display_name) VALUES ('editor', 'x') "
                        "ON CONFLICT (name) DO UPDATE SET display_name = 'x'"
                    ),
                    "SELECT hidden()",
                ]
            )
        ]
    ],
    "a row of its own": [
        [RunSQL("INSERT INTO users (email, username) VALUES ('a@example.com', 'anybody')")]
    ],
    "a table like another, in a block": [
        [
            RunSQL("DO $$ BEGIN CREATE TABLE drafts (LIKE track_shares INCLUDING ALL); END $$"),
            KeepUpdatedAt("drafts"),
            InsertPermissions("drafts"),
        ]
    ],
    "a function that PUBLIC may not call": [
        [
            RunSQL([in_plpgsql("PERFORM 1", "private")]),
            RunSQL("REVOKE EXECUTE ON FUNCTION private() FROM PUBLIC"),
        ]
    ],
    "rows hidden in a new table": [
        [
            *a_table("reports", *COMPLETE),
            RunSQL("ALTER TABLE reports ENABLE ROW LEVEL SECURITY"),
            RunSQL("CREATE POLICY all_rows ON reports USING (true)"),
        ]
    ],
    "a check less": [[migrations.RemoveConstraint(TRACK, "chk_tracks_bitrate")]],
}
