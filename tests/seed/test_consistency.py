"""The rows are consistent: each statement searches for inconsistent rows, and must find none."""

import pytest
from django.apps import apps

from tests.seed.conftest import NOW, query
from veza_core.models import SoftDeleteModel
from veza_demo.tables import WRITERS

pytestmark = pytest.mark.django_db

SOFT = [model._meta.db_table for model in apps.get_models() if issubclass(model, SoftDeleteModel)]

COUNTERS = {
    "tracks.play_count": (
        "SELECT FROM tracks WHERE play_count <> "
        "(SELECT count(*) FROM track_plays WHERE track_id = tracks.id)"
    ),
    "tracks.weekly_play_count": (
        "SELECT FROM tracks WHERE weekly_play_count <> (SELECT count(*) FROM track_plays "
        f"WHERE track_id = tracks.id AND created_at > '{NOW}'::timestamptz - interval '7 days') "
        "AND weekly_play_count > 0"
    ),
    "tracks.like_count": (
        "SELECT FROM tracks WHERE like_count <> (SELECT count(*) FROM track_likes "
        "WHERE track_id = tracks.id AND deleted_at IS NULL)"
    ),
    "tracks.comment_count": (
        "SELECT FROM tracks WHERE comment_count <> (SELECT count(*) FROM track_comments "
        "WHERE track_id = tracks.id AND deleted_at IS NULL)"
    ),
    "playlists.track_count": (
        "SELECT FROM playlists WHERE track_count <> (SELECT count(*) FROM playlist_tracks "
        "WHERE playlist_id = playlists.id AND deleted_at IS NULL)"
    ),
    "playlists.follower_count": (
        "SELECT FROM playlists WHERE follower_count <> (SELECT count(*) FROM playlist_follows "
        "WHERE playlist_id = playlists.id AND deleted_at IS NULL)"
    ),
}

#: Rows that must not exist, by table.
NEVER = {
    "users": "locked_until < created_at OR last_login_at < created_at "
    "OR last_login_at > deleted_at",
    "refresh_tokens": "expires_at <= created_at OR revoked_at < created_at",
    "password_reset_tokens": "used_at < created_at OR used_at > expires_at",
    "email_verification_tokens": "used_at < created_at OR used_at > expires_at",
    "user_sessions": "last_activity_at < created_at OR expires_at <= last_activity_at "
    "OR revoked_at < last_activity_at",
    "user_roles": "expires_at <= created_at",
    "tracks": "published_at < created_at OR (status <> 'ready' AND play_count > 0) "
    "OR (status = 'ready' AND duration_ms IS NULL) OR release_year > extract(year FROM created_at)",
    "playlist_collaborators": "accepted_at < created_at",
    "track_plays": "started_at > created_at "
    "OR started_at + duration_ms * interval '1 ms' > created_at + interval '1 ms'",
    "track_shares": "expires_at <= created_at",
    "playback_analytics": "started_at < created_at OR ended_at < started_at",
    "hls_transcode_queue": (
        "started_at < created_at OR completed_at < started_at OR run_after < created_at "
        "OR attempt_count > max_attempts "
        "OR (status = 'failed' AND (error_message IS NULL OR attempt_count < max_attempts)) "
        "OR (status = 'processing') <> (locked_by IS NOT NULL) "
        "OR (locked_by IS NULL) <> (locked_at IS NULL) "
        "OR (status IN ('completed', 'failed', 'cancelled')) <> (completed_at IS NOT NULL)"
    ),
    "hls_streams": "(status = 'ready') <> (playlist_url IS NOT NULL) "
    "OR (status = 'ready') <> (segment_count > 0)",
    "bitrate_adaptation_logs": "old_bitrate = new_bitrate",
}

RELATED = {
    "a reply is on its thread's track, and after what it replies to": (
        "SELECT FROM track_comments AS reply JOIN track_comments AS parent "
        "ON parent.id = reply.parent_id "
        "WHERE reply.track_id <> parent.track_id OR reply.created_at < parent.created_at"
    ),
    "positions of live entries are 0, 1, 2, …": (
        "SELECT FROM playlist_tracks WHERE deleted_at IS NULL GROUP BY playlist_id "
        "HAVING min(position) <> 0 OR max(position) <> count(*) - 1 "
        "OR count(DISTINCT position) <> count(*)"
    ),
    "a session that is named is the listener's, and open": (
        "SELECT FROM playback_analytics AS played JOIN user_sessions AS session "
        "ON session.id = session_id WHERE played.user_id <> session.user_id "
        "OR started_at NOT BETWEEN session.created_at AND last_activity_at"
    ),
    "a refresh token's session is its user's, and ends it": (
        "SELECT FROM refresh_tokens AS token JOIN user_sessions AS session "
        "ON session.id = session_id WHERE token.user_id <> session.user_id "
        "OR token.created_at NOT BETWEEN session.created_at AND last_activity_at "
        "OR (session.revoked_at IS NOT NULL "
        "AND (token.revoked_at IS NULL OR token.revoked_at > session.revoked_at))"
    ),
    "no more is heard than there is": (
        "SELECT FROM track_plays JOIN tracks ON tracks.id = track_id "
        "WHERE track_plays.duration_ms > tracks.duration_ms "
        "OR is_complete <> (track_plays.duration_ms = tracks.duration_ms)"
    ),
    "the part that was heard is that of the time": (
        "SELECT FROM playback_analytics JOIN tracks ON tracks.id = track_id "
        "WHERE completion_rate <> trunc(100.0 * play_time_ms / tracks.duration_ms, 2)"
    ),
    "a stream's version is its track's": (
        "SELECT FROM hls_streams JOIN track_versions AS version ON version.id = track_version_id "
        "WHERE version.track_id <> hls_streams.track_id"
    ),
    "a job's version is its track's": (
        "SELECT FROM hls_transcode_queue AS job JOIN track_versions AS version "
        "ON version.id = track_version_id WHERE version.track_id <> job.track_id"
    ),
    "who has no password has an identity": (
        "SELECT FROM users WHERE password_hash IS NULL AND NOT EXISTS "
        "(SELECT FROM federated_identities WHERE user_id = users.id AND deleted_at IS NULL)"
    ),
    "staff has its role": (
        "SELECT FROM users WHERE role IN ('support', 'moderator', 'admin') AND NOT EXISTS "
        "(SELECT FROM user_roles JOIN roles ON roles.id = role_id "
        "WHERE user_id = users.id AND name = role::text AND expires_at IS NULL)"
    ),
}

STATES = {
    "banned": "users WHERE is_banned",
    "deactivated": "users WHERE NOT is_active",
    "unverified": "users WHERE NOT is_verified",
    "locked": "users WHERE locked_until > '{now}' AND failed_login_count >= 5",
    "was locked": "users WHERE locked_until < '{now}'",
    "no password": "users WHERE password_hash IS NULL",
    "never signed in": "users WHERE last_login_at IS NULL",
    "refresh token valid": "refresh_tokens WHERE revoked_at IS NULL AND expires_at > '{now}'",
    "refresh token revoked": "refresh_tokens WHERE revoked_at IS NOT NULL",
    "refresh token expired": "refresh_tokens WHERE expires_at < '{now}'",
    "reset token used": "password_reset_tokens WHERE used_at IS NOT NULL",
    "reset token expired": "password_reset_tokens WHERE used_at IS NULL AND expires_at < '{now}'",
    "reset token waiting": "password_reset_tokens WHERE used_at IS NULL AND expires_at > '{now}'",
    "address waiting": "email_verification_tokens WHERE used_at IS NULL AND expires_at > '{now}'",
    "address expired": "email_verification_tokens WHERE used_at IS NULL AND expires_at < '{now}'",
    "session live": "user_sessions WHERE revoked_at IS NULL AND expires_at > '{now}'",
    "session over": "user_sessions WHERE revoked_at IS NULL AND expires_at < '{now}'",
    "session ended": "user_sessions WHERE revoked_at IS NOT NULL",
    "role for a time": "user_roles WHERE expires_at > '{now}'",
    "role over": "user_roles WHERE expires_at < '{now}'",
    "among the most played": "tracks WHERE weekly_play_count > 0",
    "private track": "tracks WHERE NOT is_public",
    "invited": "playlist_collaborators WHERE accepted_at IS NULL AND deleted_at IS NULL",
    "anonymous": "track_plays WHERE user_id IS NULL",
    "IPv6": "track_plays WHERE family(ip_address) = 6",
    "share over": "track_shares WHERE expires_at < '{now}'",
    "share for ever": "track_shares WHERE expires_at IS NULL",
    "share used": "track_shares WHERE access_count > 0",
    "reply to a reply": "track_comments AS c JOIN track_comments AS p ON p.id = c.parent_id "
    "WHERE p.parent_id IS NOT NULL",
    "edited": "track_comments WHERE is_edited",
    "goes on": "playback_analytics WHERE ended_at IS NULL",
    "job retried": "hls_transcode_queue WHERE status = 'pending' AND attempt_count > 0 "
    "AND error_message IS NOT NULL AND run_after > '{now}'",
    "job ready": "hls_transcode_queue WHERE status = 'pending' AND run_after < '{now}'",
    "job done at second try": "hls_transcode_queue WHERE status = 'completed' "
    "AND attempt_count = 2",
    "stream of a version": "hls_streams WHERE track_version_id IS NOT NULL",
    "job of a version": "hls_transcode_queue WHERE track_version_id IS NOT NULL",
    "private room": "rooms WHERE is_private",
    "custom slug missing": "tracks WHERE slug IS NULL",
    "non-Latin title": "tracks WHERE title ~ '[а-яぁ-ん가-힣]'",
    "like taken back and given again": "track_likes AS a JOIN track_likes AS b "
    "USING (user_id, track_id) WHERE a.deleted_at IS NOT NULL AND b.deleted_at IS NULL",
    **{f"deleted {table}": f"{table} WHERE deleted_at IS NOT NULL" for table in SOFT},
}

REFERENCES = """
SELECT conrelid::regclass::text, child.attname::text, confrelid::regclass::text
FROM pg_constraint
JOIN pg_attribute AS child ON child.attrelid = conrelid AND child.attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
    AND confrelid NOT IN ('roles'::regclass, 'permissions'::regclass)
"""
COLUMNS = """
SELECT table_name::text, column_name::text, is_nullable = 'YES' AND is_generated = 'NEVER',
    data_type::text
FROM information_schema.columns WHERE table_schema = 'public'
"""


def broken(name, statement):
    return query(name, f"SELECT count(*) FROM ({statement}) AS wrong")[0][0]


@pytest.mark.parametrize("counter", COUNTERS)
def test_counters_agree_with_the_rows(seeded, counter):
    assert broken(seeded, COUNTERS[counter]) == 0
    table, column = counter.split(".")
    # They differ. Otherwise zeros would agree with missing rows.
    assert query(seeded, f"SELECT count(DISTINCT {column}) > 3 FROM {table}") == [(True,)]


@pytest.mark.parametrize("table", NEVER)
def test_what_never_is(seeded, table):
    assert broken(seeded, f"SELECT FROM {table} WHERE {NEVER[table]}") == 0


@pytest.mark.parametrize("what", RELATED)
def test_related_rows_fit(seeded, what):
    assert broken(seeded, RELATED[what]) == 0


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_there(seeded, state):
    assert query(seeded, f"SELECT count(*) FROM {STATES[state].format(now=NOW)}")[0][0] > 0


@pytest.mark.parametrize("table", WRITERS)
def test_times_are_in_order(seeded, table):
    """All in the past, and updated after created; a deletion is an update like any other."""
    wrong = f"updated_at < created_at OR created_at > '{NOW}' OR updated_at > '{NOW}'"
    if table in SOFT:
        wrong += " OR deleted_at < created_at OR updated_at < deleted_at"
    assert broken(seeded, f"SELECT FROM {table} WHERE {wrong}") == 0


def test_the_soft_tables_are_those_of_the_catalog(seeded):
    found = query(
        seeded,
        "SELECT table_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'deleted_at'",
    )
    assert {table for (table,) in found} == set(SOFT)


def test_nothing_is_dated_outside_the_life_of_its_parent(seeded):
    """For every foreign key: not before the parent was created or after it was soft deleted."""
    references = query(seeded, REFERENCES)
    assert len(references) > 40
    for child, column, parent in references:
        wrong = "child.created_at < parent.created_at"
        if parent in SOFT:
            wrong += " OR child.created_at > parent.deleted_at"
        found = broken(
            seeded,
            f"SELECT FROM {child} AS child JOIN {parent} AS parent ON parent.id = child.{column} "
            f"WHERE {wrong}",
        )
        assert found == 0, f"{child}.{column}"


def test_every_column_is_filled_and_every_nullable_one_is_null_somewhere(seeded):
    for table, column, nullable, kind in query(seeded, COLUMNS):
        filled, rows = query(seeded, f'SELECT count("{column}"), count(*) FROM {table}')[0]
        assert filled > 0, f"{table}.{column} has no value"
        if nullable and table in WRITERS:
            assert filled < rows, f"{table}.{column} is never NULL"
        if kind == "boolean" and table in WRITERS:
            assert query(seeded, f"SELECT count(DISTINCT {column}) FROM {table}") == [(2,)], column


def test_every_enum_value_is_used(seeded):
    for table, column, _, kind in query(seeded, COLUMNS):
        if kind != "USER-DEFINED":
            continue
        unused = query(
            seeded,
            "SELECT enumlabel FROM pg_attribute JOIN pg_enum ON enumtypid = atttypid "
            f"WHERE attrelid = '{table}'::regclass AND attname = '{column}' "
            f"EXCEPT SELECT {column}::text FROM {table}",
        )
        assert unused == [], f"{table}.{column}"


def test_few_have_most(seeded):
    tracks, users = (
        query(
            seeded,
            f"WITH counted AS (SELECT count(*) AS n FROM {table} WHERE {column} IS NOT NULL "
            f"GROUP BY {column}), top AS (SELECT n FROM counted ORDER BY n DESC LIMIT %s) "
            "SELECT (SELECT sum(n) FROM top) / sum(n) FROM counted",
            limit,
        )[0][0]
        # A tenth of the tracks, and of the users.
        for table, column, limit in (("track_plays", "track_id", 200), ("tracks", "user_id", 50))
    )
    assert tracks > 0.5
    assert users > 0.4


def test_only_roles_and_permissions_of_the_migrations(seeded, migrated):
    for table in ("roles", "permissions", "role_permissions"):
        asked = f"SELECT id FROM {table} ORDER BY id"
        assert query(seeded, asked) == query(migrated, asked)


def test_tables_are_vacuumed_and_have_statistics(seeded):
    """Checks that it ran, not the pages: VACUUM skips a page that is being written."""
    found = query(
        seeded,
        "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' "
        "AND last_vacuum IS NOT NULL AND last_analyze IS NOT NULL",
    )
    assert {table for (table,) in found} >= set(WRITERS)
