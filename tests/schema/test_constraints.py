"""Every check, unique index and foreign key is violated once, by plain SQL."""

import uuid

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from tests.schema import values as kinds
from tests.schema.rows import violates

proves = pytest.mark.proves

OWN = "3b241101-e2bb-4255-8caf-4136c566a962"

#: What each check refuses: whole rows' worth of columns, one at a time.
BAD_VALUES = {
    **kinds.BAD_VALUES,
    "chk_bitrate_adaptation_logs_buffer_level_ms": [{"buffer_level_ms": -1}],
    "chk_bitrate_adaptation_logs_network_bandwidth": [{"network_bandwidth": -1}],
    "chk_bitrate_adaptation_logs_new_bitrate": [{"new_bitrate": 0}],
    "chk_bitrate_adaptation_logs_old_bitrate": [{"old_bitrate": 0}],
    "chk_hls_streams_segment_count": [{"segment_count": -1}],
    "chk_hls_streams_segment_duration_ms": [{"segment_duration_ms": 0}],
    "chk_hls_transcode_queue_attempt_count": [
        {"attempt_count": -1},
        {"attempt_count": 4},
        {"attempt_count": 2, "max_attempts": 1},
    ],
    "chk_hls_transcode_queue_completed_at": [
        {"status": "completed"},
        {"status": "failed"},
        {"status": "cancelled"},
    ],
    "chk_hls_transcode_queue_max_attempts": [{"max_attempts": 0}],
    "chk_hls_transcode_queue_priority": [{"priority": 0}, {"priority": 11}],
    "chk_playback_analytics_completion_rate": [
        {"completion_rate": "-0.01"},
        {"completion_rate": "100.01"},
    ],
    "chk_playback_analytics_ended_at": [
        {"started_at": "2025-12-04T10:00:00Z", "ended_at": "2025-12-04T09:59:59Z"}
    ],
    "chk_playback_analytics_pause_count": [{"pause_count": -1}],
    "chk_playback_analytics_play_time_ms": [{"play_time_ms": -1}],
    "chk_playback_analytics_seek_count": [{"seek_count": -1}],
    "chk_playlist_tracks_position": [{"position": -1}],
    "chk_playlists_follower_count": [{"follower_count": -1}],
    "chk_playlists_track_count": [{"track_count": -1}],
    "chk_rooms_max_members": [{"max_members": 0}],
    "chk_track_comments_content_length": [{"content": "é" * 5001}],
    "chk_track_comments_parent_id": [{"id": OWN, "parent_id": OWN}],
    "chk_track_comments_position_ms": [{"position_ms": -1}],
    "chk_track_plays_duration_ms": [{"duration_ms": -1}],
    "chk_track_shares_access_count": [{"access_count": -1}],
    "chk_track_shares_permission": [{"permission": "upload"}, {"permission": ""}],
    "chk_track_versions_file_size": [{"file_size": -1}],
    "chk_track_versions_version_number": [{"version_number": 0}],
    "chk_tracks_bitrate": [{"bitrate": 0}],
    "chk_tracks_comment_count": [{"comment_count": -1}],
    "chk_tracks_duration_ms": [{"duration_ms": -1}],
    "chk_tracks_file_size": [{"file_size": -1}],
    "chk_tracks_like_count": [{"like_count": -1}],
    "chk_tracks_play_count": [{"play_count": -1}],
    "chk_tracks_sample_rate": [{"sample_rate": 0}],
    "chk_tracks_weekly_play_count": [{"weekly_play_count": -1}],
    "chk_users_failed_login_count": [{"failed_login_count": -1}],
    "chk_users_token_version": [{"token_version": -1}],
    "chk_user_settings_theme": [{"theme": "Dark"}, {"theme": ""}, {"theme": "blue"}],
    "chk_users_username_length": [{"username": "éà"}],
}


def test_checks(live, rows, case):
    checks = {
        name: table
        for table, definitions in live.tables.items()
        for name, definition in definitions.constraints.items()
        if definition.startswith("CHECK")
    }
    assert checks.keys() == BAD_VALUES.keys()
    for name, table in checks.items():
        with case(name):
            id_ = rows.insert(table)
            for values in BAD_VALUES[name]:
                with violates(CheckViolation, name):
                    rows.insert(table, **values)
                with violates(CheckViolation, name):
                    rows.change(table, id_, **values)


def test_the_last_good_value_is_let_in(rows):
    rows.insert("users", username="éàü")
    rows.insert("track_comments", content="é" * 5000)
    rows.insert("playback_analytics", completion_rate=100)
    rows.insert("hls_transcode_queue", priority=10)


def test_unique_indexes(live, rows, case):
    for index in live.indexes:
        if not index.unique or not index.is_plain:
            continue
        with case(index.name):
            values = rows.values_for(index.table, index.columns)
            rows.insert(index.table, **values)
            with violates(UniqueViolation, index.name):
                rows.insert(index.table, **values)


@proves("so that a deleted row never blocks a new one.")
def test_a_deleted_row_never_blocks_a_new_one(live, rows, case):
    for index in live.indexes:
        if (
            not index.unique
            or index.primary
            or not index.is_plain
            or "deleted_at" not in live.tables[index.table].columns
        ):
            continue
        with case(index.name):
            values = rows.values_for(index.table, index.columns)
            for _ in range(2):
                rows.update(index.table, rows.insert(index.table, **values), "deleted_at = now()")
            rows.insert(index.table, **values)
            with violates(UniqueViolation, index.name):
                rows.insert(index.table, **values)


def test_nothing_given_is_never_a_duplicate(live, rows, case):
    """Where a unique column is nullable, any number of rows may leave it out."""
    for index in live.indexes:
        if (
            not index.is_plain
            or "NULLS NOT DISTINCT" in live.tables[index.table].indexes[index.name]
        ):
            continue
        columns = live.tables[index.table].columns
        nullable = [name for name in index.columns if index.unique and columns[name].nullable]
        if nullable:
            with case(index.name):
                for _ in range(2):
                    rows.insert(index.table, **dict.fromkeys(nullable))


def test_foreign_keys(live, rows, case):
    """An orphan fails at its own statement: nothing here is committed."""
    for key in live.foreign_keys:
        with case(key.name):
            with violates(ForeignKeyViolation, key.name):
                rows.insert(key.table, **{key.column: uuid.uuid4()})
            id_ = rows.insert(key.table)
            with violates(ForeignKeyViolation, key.name):
                rows.update(key.table, id_, f"{key.column} = gen_random_uuid()")
