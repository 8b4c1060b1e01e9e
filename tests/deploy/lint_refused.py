"""Releases that `lint_migrations` must refuse, by the heading of the refusal."""

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations import RunPython, RunSQL, SeparateDatabaseAndState

from tests.deploy.later import BY_TITLE, POSITIVE, TEXT, UNIQUE, add
from veza_core.db.constraint_operations import SetNotNull
from veza_core.db.operations import AddEnumValue
from veza_core.operations.backfill import Backfill
from veza_core.operations.deploy.lint import headings

TRACK = "track"


def alter(name, field, model=TRACK):
    return migrations.AlterField(model, name, field)


def state_only(*operations):
    return SeparateDatabaseAndState(state_operations=list(operations))


def nothing(apps, schema_editor):
    """The function of RunPython."""


def in_plpgsql(body, name="hidden"):
    """Create a function with this body."""
    return (
        f"CREATE FUNCTION {name}() RETURNS int LANGUAGE plpgsql AS "
        f"$$ BEGIN {body}; RETURN 1; END $$"
    )


#: It writes nothing if the tables are empty.
LOOP = """
FOR i IN 1..(SELECT count(*) FROM public.tracks) LOOP
    UPDATE public.tracks SET title = 'x';
END LOOP
"""

#: By the heading of the refusal; each is a release with one or more migrations.
BAD = {
    headings.NOT_NULL_COLUMN: {
        "a default of Django's alone": [[add("mood", models.CharField(max_length=9, default="x"))]],
        "by SQL": [[RunSQL("ALTER TABLE tracks ADD COLUMN mood int NOT NULL")]],
        "in a block": [[RunSQL("DO $$ BEGIN ALTER TABLE tracks ADD mood int NOT NULL; END $$")]],
        "set in the same release": [
            [add("mood", TEXT)],
            (False, SetNotNull(TRACK, "mood", models.CharField(max_length=20))),
        ],
        "its default dropped again": [
            [add("mood", models.IntegerField(db_default=1))],
            [RunSQL("ALTER TABLE tracks ALTER mood DROP DEFAULT")],
        ],
    },
    headings.DEFAULT: {
        "Django's alone": [[add("mood", models.IntegerField(null=True, default=3))]],
        "volatile": [[RunSQL("ALTER TABLE tracks ADD COLUMN mood uuid DEFAULT gen_random_uuid()")]],
        "computed and stored": [
            [RunSQL("ALTER TABLE tracks ADD n int GENERATED ALWAYS AS (duration_ms * 2) STORED")]
        ],
        "a serial": [[RunSQL("ALTER TABLE tracks ADD COLUMN number bigserial")]],
    },
    headings.SET_NOT_NULL: {
        "by SQL": [[RunSQL("ALTER TABLE tracks ALTER COLUMN cover_art_path SET NOT NULL")]],
        "by a check that is not valid": [
            [
                RunSQL(
                    "ALTER TABLE tracks ADD CONSTRAINT c "
                    "CHECK (cover_art_path IS NOT NULL) NOT VALID"
                )
            ],
            [RunSQL("ALTER TABLE tracks ALTER COLUMN cover_art_path SET NOT NULL")],
        ],
    },
    headings.DROP_NOT_NULL: {
        "by SQL": [[RunSQL("ALTER TABLE tracks ALTER COLUMN title DROP NOT NULL")]],
        "in a block": [
            [RunSQL("DO $$ BEGIN ALTER TABLE tracks ALTER COLUMN title DROP NOT NULL; END $$")]
        ],
        "a default": [[RunSQL("ALTER TABLE tracks ALTER COLUMN status DROP DEFAULT")]],
    },
    headings.RENAME: {
        "a field": [[migrations.RenameField(TRACK, "title", "name")]],
        "a model's table": [[migrations.AlterModelTable(TRACK, "songs")]],
        "a column by SQL": [[RunSQL("ALTER TABLE tracks RENAME COLUMN title TO name")]],
        "a table by SQL": [[RunSQL("ALTER TABLE tracks RENAME TO songs")]],
        "by db_column": [[alter("title", models.CharField(max_length=255, db_column="name"))]],
        "in a block": [
            [RunSQL("DO $$ BEGIN EXECUTE 'ALTER TABLE tracks RENAME title TO n'; END $$")]
        ],
        "a constraint": [[RunSQL("ALTER TABLE tracks RENAME CONSTRAINT chk_tracks_bitrate TO x")]],
    },
    headings.TYPE: {
        "an integer grows": [[alter("duration_ms", models.BigIntegerField(null=True))]],
        "text that an index has grows": [[alter("title", models.CharField(max_length=300))]],
        "text shrinks": [[alter("title", models.CharField(max_length=20))]],
        "by SQL": [
            [RunSQL("ALTER TABLE tracks ALTER COLUMN cover_art_path TYPE jsonb USING null")]
        ],
    },
    headings.RETIRE_VALUE: {
        "renamed": [[RunSQL("ALTER TYPE track_status RENAME VALUE 'failed' TO 'broken'")]],
    },
    headings.ENUM_VALUE: {
        "as a default": [
            [
                AddEnumValue("track_status", "hidden"),
                RunSQL("ALTER TABLE tracks ALTER COLUMN status SET DEFAULT 'hidden'"),
            ]
        ],
    },
    headings.INDEX: {
        "Django's": [[migrations.AddIndex(TRACK, BY_TITLE)]],
        "by SQL": [[RunSQL("CREATE INDEX i ON tracks (title)")]],
        "in a block": [[RunSQL("DO $$ BEGIN CREATE INDEX i ON tracks (title); END $$")]],
        "without a transaction, and not concurrently": [
            (False, RunSQL("CREATE INDEX i ON tracks (title)"))
        ],
        "SQL that cannot go on": [(False, RunSQL("CREATE INDEX CONCURRENTLY i ON tracks (title)"))],
        "even if it is there": [
            (False, RunSQL("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON tracks (title)"))
        ],
        "built again": [[RunSQL("REINDEX TABLE tracks")]],
    },
    headings.DROP_INDEX: {
        "Django's": [[migrations.RemoveIndex(TRACK, "idx_tracks_genre_created_at")]],
        "by SQL": [[RunSQL("DROP INDEX idx_tracks_genre_created_at")]],
    },
    headings.CHECK: {
        "Django's": [[migrations.AddConstraint(TRACK, POSITIVE)]],
        "validated at once": [
            [AddConstraintNotValid(TRACK, POSITIVE), ValidateConstraint(TRACK, POSITIVE.name)]
        ],
        "by SQL": [[RunSQL("ALTER TABLE tracks ADD CONSTRAINT c CHECK (bitrate > 1)")]],
        "in a block": [
            [RunSQL("DO $$ BEGIN ALTER TABLE tracks ADD CONSTRAINT c CHECK (bitrate > 1); END $$")]
        ],
        "with its column": [[RunSQL("ALTER TABLE tracks ADD COLUMN n int CHECK (n > 0)")]],
        "unique": [[migrations.AddConstraint(TRACK, UNIQUE)]],
        "unique no longer": [(False, RunSQL("DROP INDEX CONCURRENTLY idx_tracks_slug"))],
        "unique by SQL": [[RunSQL("ALTER TABLE tracks ADD CONSTRAINT u UNIQUE (title)")]],
    },
    headings.FOREIGN_KEY: {
        "on a column that is there": [
            [RunSQL("ALTER TABLE tracks ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users")]
        ],
        "validated at once": [
            [
                RunSQL(
                    "ALTER TABLE tracks ADD CONSTRAINT f "
                    "FOREIGN KEY (id) REFERENCES users NOT VALID"
                ),
                RunSQL("ALTER TABLE tracks VALIDATE CONSTRAINT f"),
            ]
        ],
    },
    headings.FILL: {
        "RunPython": [[RunPython(nothing)]],
        "RunPython without a transaction": [(False, RunPython(nothing))],
        "UPDATE": [[RunSQL("UPDATE tracks SET cover_art_path = 'x' WHERE cover_art_path IS NULL")]],
        "UPDATE together with DDL": [
            [add("mood", TEXT), RunSQL("UPDATE tracks SET mood = 'x' WHERE mood IS NULL")]
        ],
        "UPDATE without a transaction": [(False, RunSQL("UPDATE tracks SET cover_art_path = ''"))],
        "UPDATE in a block": [[RunSQL("DO $$ BEGIN UPDATE tracks SET title = 'x'; END $$")]],
        "UPDATE in a loop": [
            [
                RunSQL(
                    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM tracks LOOP "
                    "UPDATE tracks SET title = 'x' WHERE id = r.id; END LOOP; END $$"
                )
            ]
        ],
        "UPDATE behind WITH": [
            [
                RunSQL(
                    "WITH u AS (UPDATE tracks SET title = 'x' RETURNING id) SELECT count(*) FROM u"
                )
            ]
        ],
        "DELETE": [[RunSQL("DELETE FROM track_plays")]],
        "DELETE behind WITH": [
            [RunSQL("WITH d AS (DELETE FROM track_plays RETURNING 1) SELECT count(*) FROM d")]
        ],
        "a function": [[RunSQL([in_plpgsql("UPDATE tracks SET title = 'x'"), "SELECT hidden()"])]],
        "a function of SQL": [
            [
                RunSQL(
                    "CREATE FUNCTION hidden() RETURNS void LANGUAGE sql "
                    "BEGIN ATOMIC DELETE FROM tracks; END"
                ),
                RunSQL("SELECT hidden()"),
            ]
        ],
        "a function whose text does not say so": [
            [RunSQL([in_plpgsql("EXECUTE 'UPD' || 'ATE tracks SET id = id'"), "SELECT hidden()"])]
        ],
        "a function of another migration": [
            [RunSQL([in_plpgsql("UPDATE tracks SET title = 'x'")])],
            [RunSQL("SELECT count(hidden()) FROM roles")],
        ],
        "a function without a transaction": [
            [RunSQL([in_plpgsql("EXECUTE 'UPD' || 'ATE tracks SET id = id'")])],
            (False, RunSQL("SELECT hidden()")),
        ],
        "a function that loops": [
            [
                RunSQL([in_plpgsql(LOOP)]),
                RunSQL([in_plpgsql("PERFORM public.hidden()", "outside")]),
                RunSQL("VALUES (1, outside())"),
            ]
        ],
        "a function that copies into a table": [
            [
                RunSQL([in_plpgsql("EXECUTE 'CREATE TABLE copies AS TABLE tracks'")]),
                RunSQL("SELECT hidden()"),
            ]
        ],
        "a function that copies into a new table": [
            [
                RunSQL("CREATE TABLE copies (id uuid)"),
                RunSQL([in_plpgsql("EXECUTE 'INSERT ' || 'INTO copies SELECT id FROM tracks'")]),
                RunSQL("SELECT hidden()"),
            ]
        ],
        "a procedure": [
            [
                RunSQL(
                    "CREATE PROCEDURE hidden() LANGUAGE sql AS 'UPDATE public.tracks SET id = id'"
                ),
                RunSQL("CALL hidden()"),
            ]
        ],
        "a procedure that commits": [
            [
                RunSQL(
                    "CREATE PROCEDURE hidden() LANGUAGE plpgsql AS "
                    "$$ BEGIN EXECUTE 'UPD' || 'ATE tracks SET id = id'; COMMIT; END $$"
                )
            ],
            (False, RunSQL("CALL hidden()")),
        ],
        "a block whose text does not say so": [
            [RunSQL("DO $$ BEGIN EXECUTE 'DEL' || 'ETE FROM tracks'; END $$")]
        ],
        "after rows that may be inserted": [
            [
                RunSQL("INSERT INTO users (email, username) VALUES ('a@example.com', 'anybody')"),
                RunSQL("DO $$ BEGIN EXECUTE 'UPD' || 'ATE users SET id = id'; END $$"),
            ]
        ],
        "a prepared statement": [
            [RunSQL("PREPARE hidden AS UPDATE tracks SET title = 'x'"), RunSQL("EXECUTE hidden")]
        ],
        "behind a semicolon": [[RunSQL(["SELECT 1; DELETE FROM track_plays"])]],
        "COPY": [[RunSQL("COPY tracks FROM '/dev/null'")]],
        "a view": [
            [RunSQL("CREATE VIEW v AS SELECT id FROM tracks"), RunSQL("DELETE FROM v")],
        ],
        "SELECT INTO": [[RunSQL("SELECT * INTO copies FROM tracks")]],
        "INSERT of another table's rows": [
            [
                RunSQL(
                    "INSERT INTO user_settings (user_id) "
                    "SELECT id FROM users ON CONFLICT DO NOTHING"
                )
            ]
        ],
        "a table of another's rows": [[RunSQL("CREATE TABLE copies AS SELECT * FROM tracks")]],
    },
    headings.DROP_COLUMN: {
        "Django's": [[migrations.RemoveField(TRACK, "cover_art_path")]],
        "by SQL": [[RunSQL("ALTER TABLE tracks DROP COLUMN cover_art_path")]],
        "left out in the same release": [
            [state_only(migrations.RemoveField(TRACK, "cover_art_path"))],
            [RunSQL("ALTER TABLE tracks DROP COLUMN cover_art_path")],
        ],
        "left out, and NOT NULL": [[state_only(migrations.RemoveField(TRACK, "title"))]],
    },
    headings.DROP_TABLE: {
        "Django's": [[migrations.DeleteModel("TrackShare")]],
        "by SQL": [[RunSQL("DROP TABLE track_shares")]],
        "emptied": [[RunSQL("TRUNCATE track_shares")]],
        "with its schema's name": [[RunSQL("ALTER SCHEMA public RENAME TO old")]],
    },
    headings.NO_TRANSACTION: {
        "a backfill within one": [
            [Backfill("tracks", {"cover_art_path": "title"}, "cover_art_path IS NULL")]
        ],
        "an index within one": [[AddIndexConcurrently(TRACK, BY_TITLE)]],
        "what cannot be run again": [
            (False, add("mood", TEXT), Backfill("tracks", {"mood": "'x'"}, "mood IS NULL"))
        ],
    },
    headings.ELSE: {
        "it fails": [[RunSQL("ALTER TABLE no_such_table ADD COLUMN x int")]],
        "it rewrites": [[RunSQL("ALTER TABLE tracks SET UNLOGGED")]],
        "its rows hidden": [[RunSQL("ALTER TABLE tracks ENABLE ROW LEVEL SECURITY")]],
        "its triggers disabled": [[RunSQL("ALTER TABLE tracks DISABLE TRIGGER USER")]],
        "its foreign keys, too": [[RunSQL("ALTER TABLE tracks DISABLE TRIGGER ALL")]],
        "disabled in a block": [
            [RunSQL("DO $$ BEGIN ALTER TABLE tracks DISABLE TRIGGER USER; END $$")]
        ],
        "triggers for replicas alone": [
            [RunSQL("ALTER TABLE tracks ENABLE REPLICA TRIGGER update_tracks_updated_at")]
        ],
        "no updated_at": [[RunSQL("DROP TRIGGER update_tracks_updated_at ON tracks")]],
        "no replica identity": [[RunSQL("ALTER TABLE tracks REPLICA IDENTITY NOTHING")]],
        "privileges taken": [[RunSQL("REVOKE SELECT ON tracks FROM PUBLIC")]],
        "privileges taken in a block": [
            [RunSQL("DO $$ BEGIN EXECUTE 'REVOKE ALL ON tracks FROM PUBLIC'; END $$")]
        ],
        "its lock timeout": [[RunSQL("SET lock_timeout = 0")]],
        "its lock timeout, by a function": [
            [RunSQL("SELECT set_config('lock_timeout', '0', true)")]
        ],
        "its lock timeout, together with a change of the models": [
            [SeparateDatabaseAndState(database_operations=[RunSQL("SET lock_timeout = 0")])]
        ],
        "triggers off in its session": [[RunSQL("SET LOCAL session_replication_role = replica")]],
        "another role": [[RunSQL("SET ROLE pg_monitor")]],
        "all of it": [[RunSQL("DROP SCHEMA public CASCADE")]],
        "a rule": [
            [
                RunSQL(
                    "CREATE RULE more AS ON INSERT TO track_likes "
                    "DO ALSO UPDATE tracks SET title = ''"
                )
            ]
        ],
    },
}
