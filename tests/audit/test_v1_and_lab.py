"""V1 follows the Standard. In the lab schema, the audit finds what the first audit found
manually.
"""

import re
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests.audit.conftest import psql
from tests.counts import TABLES
from veza_core.schema.audit import reporters
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.reporters import sql
from veza_core.schema.audit.rules import CATALOG_RULES

#: The first audit's section 2.2, row by row.
GAP_TABLE = [
    ("Auth", "refresh_tokens", "bigint", "UUID"),
    ("Auth", "password_reset_tokens", "bigint", "UUID"),
    ("Auth", "email_verification_tokens", "bigint", "UUID"),
    ("Auth", "user_sessions", "bigint", "UUID"),
    ("Streaming", "bitrate_adaptation_logs", "bigint", "UUID"),
    ("Streaming", "hls_streams", "bigint", "UUID"),
    ("Streaming", "hls_transcode_queue", "bigint", "UUID"),
    ("Streaming", "playback_analytics", "bigint", "UUID"),
    ("Streaming", "track_comments", "bigint", "UUID"),
    ("Streaming", "track_history", "bigint", "UUID"),
    ("Streaming", "track_likes", "bigint", "UUID"),
    ("Streaming", "track_plays", "bigint", "UUID"),
    ("Streaming", "track_shares", "bigint", "UUID"),
    ("Streaming", "track_versions", "bigint", "UUID"),
    ("Social", "playlist_collaborators", "bigint", "UUID"),
    ("Social", "playlist_follows", "bigint", "UUID"),
    ("Chat (Legacy)", "rooms", "bigint", "UUID"),
]


def run(url, *schemas):
    with psycopg.connect(url) as connection:
        return audit(connection, schemas or ("public",), CATALOG_RULES)


def found(report, rule):
    return {each.object.removeprefix("public.") for each in report.findings if each.rule.id == rule}


def test_v1_has_no_finding(v1):
    report = run(v1)
    assert [(each.rule.id, each.object, each.message) for each in report.findings] == []
    assert report.table_count == TABLES


def test_audit_writes_nothing(v1):
    """The transaction itself would refuse a write of a rule."""
    with psycopg.connect(v1) as connection:
        audit(connection, ["public"], CATALOG_RULES)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE public.x ()")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("DROP INDEX idx_users_email", ("search-not-unique", "users.email")),
        (
            "DROP INDEX idx_users_username, idx_users_username_upper",
            ("search-not-unique", "users.username"),
        ),
        ("DROP INDEX idx_users_slug", ("search-not-unique", "users.slug")),
        ("DROP INDEX idx_tracks_slug", ("search-not-unique", "tracks.slug")),
        ("DROP INDEX idx_playlists_slug", ("search-not-unique", "playlists.slug")),
        ("DROP INDEX idx_track_comments_created_at, idx_track_comments_track_id_created_at,"
         " idx_track_comments_user_id_created_at, idx_track_comments_parent_id_created_at",
         ("feed-not-indexed", "track_comments")),
        ("DROP INDEX idx_rooms_created_at", ("feed-not-indexed", "rooms")),
        ("DROP INDEX idx_playlist_tracks_track_id_created_at",
         ("fk-not-indexed", "playlist_tracks.playlist_tracks_track_id_fkey")),
        ("ALTER TABLE playlist_tracks DROP deleted_at CASCADE",
         ("junction-soft-delete", "playlist_tracks")),
        ("ALTER TABLE track_likes DROP deleted_at CASCADE;"
         "ALTER TABLE track_likes ADD UNIQUE (user_id, track_id)",
         ("junction-soft-delete", "track_likes")),
        ("DROP TABLE rooms", ("table-missing", "rooms")),
        ("ALTER TABLE rooms RENAME TO chambers", ("table-unexpected", "chambers")),
        ("DROP EXTENSION pg_trgm CASCADE", ("extension-missing", "pg_trgm")),
        ("CREATE ROLE else_; ALTER TABLE rooms OWNER TO else_", ("owner-differs", "rooms")),
        ("ALTER TABLE rooms DISABLE TRIGGER ALL",
         ("trigger-disabled", "rooms.update_rooms_updated_at")),
        ("ALTER FUNCTION update_updated_at_column() RESET ALL",
         ("trigger-function-changed", "update_updated_at_column()")),
        ("COMMENT ON COLUMN rooms.name IS NULL", ("comment-missing", "rooms")),
    ],
)  # fmt: skip
def test_change_to_v1_is_found(v1, change, finding):
    from veza_core.schema.audit.engine import check
    from veza_core.schema.audit.reader import read_catalog

    with psycopg.connect(v1) as connection:
        connection.execute("SET LOCAL search_path = public")
        connection.execute(change)
        connection.execute("SET LOCAL search_path = pg_catalog")
        findings = check(read_catalog(connection, ("public",)), CATALOG_RULES)
        connection.rollback()
    assert finding in {(each.rule.id, each.object.removeprefix("public.")) for each in findings}


def test_gap_table_is_the_first_audits(lab):
    text = reporters.render(run(lab), "markdown")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| `(.+?)` \| `(.+?)` \| `(.+?)` \|$", text, re.MULTILINE)
    assert rows == GAP_TABLE


def test_structural_issues_are_the_first_audits(lab):
    report = run(lab)
    bigint = {table for _, table, _, _ in GAP_TABLE}
    assert found(report, "pk-not-uuid-id") == bigint
    assert found(report, "sequence") == {f"{table}.id" for table in bigint}
    assert found(report, "pk-missing") == set()
    assert found(report, "junction-soft-delete") == {"playlist_tracks"}
    assert found(report, "table-unexpected") == set()
    assert found(report, "table-missing").isdisjoint(
        " ".join(settings.AUDIT_DOMAINS.values()).split()
    )
    assert "users.created_at" in found(report, "timestamps-default")
    assert "playlists.created_at" not in found(report, "timestamps-default")
    assert "playlists.playlists_user_id_fkey" in found(report, "fk-on-delete")
    assert "user_roles.user_roles_user_id_fkey" not in found(report, "fk-on-delete")
    assert found(report, "fk-missing") == {
        "bitrate_adaptation_logs.user_id",
        "playlist_tracks.added_by_id",
        "rooms.creator_id",
        "track_history.user_id",
        "track_plays.user_id",
        "track_shares.user_id",
    }
    assert found(report, "fk-type-mismatch") == {
        "playback_analytics.playback_analytics_session_id_fkey"
    }
    assert found(report, "search-not-unique") == {"playlists.slug", "tracks.slug", "users.slug"}
    assert found(report, "index-redundant") == {
        "hls_transcode_queue_status_idx",
        "user_roles_user_id_f00dcafe",
    }


@pytest.mark.process
def test_keys_are_unique_and_the_same_every_time(lab):
    first, second = run(lab), run(lab)
    keys = [each.key for each in first.findings]
    assert len(keys) == len(set(keys))
    assert keys == [each.key for each in second.findings]


def apply_fixes(url, *schemas):
    """Apply all printed SQL, as a person would; return how many findings had some."""
    report = run(url, *schemas)
    done = psql(url, sql.render(report))
    assert done.returncode == 0, done.stderr
    return sum(each.fix is not None for each in report.findings)


def apply_all_fixes(url, *schemas):
    """Apply fixes until there are none: fixes that were left out for a clash come later."""
    rounds = []
    while not rounds or rounds[-1]:
        rounds.append(apply_fixes(url, *schemas))
        assert len(rounds) < 6, rounds
    return run(url, *schemas)


#: Findings that need a person: a decision, a rewrite, or a rename together with the clients.
BY_HAND = {
    "pk-not-uuid-id", "pk-missing", "sequence", "timestamps-type", "timestamp-without-time-zone",
    "fk-not-uuid", "fk-type-mismatch", "fk-set-null-not-null", "fk-missing", "fk-leaves-schema",
    "type-char", "type-json", "type-money", "type-timetz", "comment-missing", "name-reserved",
    "name-not-snake-case", "table-missing", "table-unexpected", "junction-soft-delete",
    "table-unlogged", "unique-nullable",
}  # fmt: skip


def test_fixes_of_the_lab_schema_work(make_database):
    url = make_database("audit_fixes")
    with psycopg.connect(url) as connection:
        connection.execute(Path(__file__).with_name("lab_schema.sql").read_text())
    before = run(url)
    after = apply_all_fixes(url)
    assert {each.rule.id for each in after.findings} <= BY_HAND
    assert len(after.findings) < len(before.findings) / 2
    # No fix has changed types or keys.
    assert found(after, "pk-not-uuid-id") == found(before, "pk-not-uuid-id")


def test_fixes_of_odd_tables_work(make_database):
    """Odd names, partitions, child tables, views, typed tables. Other findings have no SQL."""
    url = make_database("audit_odd")
    with psycopg.connect(url) as connection:
        connection.execute(Path(__file__).with_name("odd_schema.sql").read_text())
    after = apply_all_fixes(url, "public", "Other")
    assert {
        (each.rule.id, each.object) for each in after.findings if each.rule.id not in BY_HAND
    } == {
        # A typed table's columns belong to its type.
        ("timestamps-missing", "public.typed.updated_at"),
        ("timestamps-default", "public.typed.created_at"),
        ("type-varchar-unbounded", "public.typed.label"),
        # A partition key, a column of a view, one that another is generated from.
        ("type-varchar-unbounded", "public.plays.region"),
        ("type-varchar-unbounded", "public.viewed.name"),
        ("type-varchar-unbounded", "public.viewed.label"),
        # The partitions have no such index to attach.
        ("index-invalid", "public.idx_plays_region"),
        # The function does not only set the time.
        ("trigger-function", "public.scraps.update_scraps_updated_at"),
        # A foreign key relies on the index; the name is taken by a view.
        ("unique-not-partial", '"Other".idx_soft_code'),
        ("unique-not-partial", "public.taken_slug"),
        ("index-name", "public.taken_slug"),
    }
