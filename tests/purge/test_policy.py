"""Due rows are deleted, and others stay: each kind, on both sides of its limit."""

import pytest

from tests.purge.conftest import deleted
from tests.support import is_one_clear_line, manage
from veza_core.operations.purge.policy import purge_columns

DAYS = {"tokens": 7, "sessions": 8, "bitrate_logs": 9, "analytics": 10, "plays": 11, "history": 12}
POLICY = {f"PURGE_{kind.upper()}_AFTER_DAYS": str(days) for kind, days in DAYS.items()}
PUBLIC = [each for each in purge_columns() if "." not in each[1]]
SESSION = """
INSERT INTO django_session (session_key, session_data, expire_date)
VALUES (%s, '', now() - make_interval(hours => %s))
"""


def test_every_kind_at_its_limit(platform, subtests):
    due, kept = [], []
    for kind, table, column in PUBLIC:
        for rows, days in ((due, DAYS[kind] + 0.01), (kept, DAYS[kind] - 0.01)):
            id_ = platform.insert(table)
            platform.age(table, id_, column, days)
            rows.append((table, column, id_))
        kept.append((table, "nothing", platform.insert(table)))
    platform.execute(SESSION, ["ended", 24 * 8 + 1])
    platform.execute(SESSION, ["kept", 24 * 8 - 1])
    outcome = platform.purged(**POLICY)
    for table, column, id_ in due:
        with subtests.test(f"{table}.{column} is due"):
            assert not platform.has(table, id_)
    for table, column, id_ in kept:
        with subtests.test(f"{table}.{column} is kept"):
            assert platform.has(table, id_)
    assert platform.execute("SELECT session_key FROM django_session").fetchall() == [("kept",)]
    assert outcome["deleted"] == len(due) + 1
    assert outcome["tables"]["django.django_session"]["deleted"] == 1


def test_every_soft_table(platform, subtests):
    soft = [name for name, table in platform.rows.tables.items() if "deleted_at" in table.columns]
    assert soft
    due = {table: platform.insert(table) for table in soft}
    kept = {table: platform.insert(table) for table in soft}
    live = {table: platform.insert(table) for table in soft}
    for table in soft:
        platform.age(table, due[table], "deleted_at", 30.01)
        platform.age(table, kept[table], "deleted_at", 29.99)
    outcome = platform.purged()
    for table in soft:
        with subtests.test(table):
            assert not platform.has(table, due[table])
            assert platform.has(table, kept[table])
            assert platform.has(table, live[table])
    assert deleted(outcome) == dict.fromkeys(soft, 1)


def test_rows_are_kept_forever(platform):
    play, history = platform.insert("track_plays"), platform.insert("track_history")
    platform.age("track_plays", play, "created_at", 9000)
    platform.age("track_history", history, "created_at", 9000)
    token = platform.insert("refresh_tokens")
    platform.age("refresh_tokens", token, "expires_at", 9000)
    assert platform.purged(PURGE_TOKENS_AFTER_DAYS="")["deleted"] == 0
    assert platform.purged()["deleted"] == 1
    assert platform.has("track_plays", play)
    assert platform.has("track_history", history)


def test_only_names_tables(platform):
    for table in ("refresh_tokens", "password_reset_tokens", "user_sessions"):
        platform.age(table, platform.insert(table), "expires_at", 99)
    outcome = platform.purged("--only", "user_sessions", "--only", "refresh_tokens")
    assert deleted(outcome) == {"user_sessions": 1, "refresh_tokens": 1}


def test_times_that_python_does_not_know(platform):
    platform.execute("ALTER TABLE refresh_tokens DROP CONSTRAINT chk_refresh_tokens_expires_at")
    for time in ("-infinity", "0044-03-15 12:00:00+00 BC"):
        token = platform.insert("refresh_tokens")
        platform.execute("UPDATE refresh_tokens SET expires_at = %s WHERE id = %s", [time, token])
    assert deleted(platform.purged()) == {"refresh_tokens": 2}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["--only", "permissions"], {}, 2, "purge does not handle permissions"),
        (["--only", "track_plays"], {}, 1, "never deleted: PURGE_PLAYS_AFTER_DAYS"),
        ([], {"PURGE_DELETED_AFTER_DAYS": "-1"}, 1, "PURGE_DELETED_AFTER_DAYS"),
        ([], {"PURGE_DELETED_AFTER_DAYS": "1e3"}, 1, "AFTER_DAYS: a whole number of days "),
        ([], {"PURGE_DELETED_AFTER_DAYS": "36501"}, 1, "from 0 to 36500"),
    ],
)
def test_errors_are_one_line(platform, arguments, environment, code, message):
    user = platform.insert("users")
    platform.age("users", user, "deleted_at", 99)
    result = platform.purge(*arguments, **environment)
    assert result.returncode == code
    assert is_one_clear_line(result), result.stderr
    assert message in result.stderr
    assert platform.has("users", user)


@pytest.mark.parametrize(
    "option",
    [
        *(f"--batch-size={value}" for value in ("0", "-1", "x", "100001")),
        *(f"--pause={value}" for value in ("-1", "x", "%", "nan", "1e9")),
        *(f"--lock-timeout={value}" for value in ("0", "0.0001", "-1", "inf")),
    ],
)
def test_wrong_options_are_usage_errors(option):
    result = manage("purge", option)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("manage.py purge: error: argument")


def test_a_database_that_lacks_a_table(platform):
    platform.execute("DROP TABLE password_reset_tokens")
    result = platform.purge()
    assert is_one_clear_line(result), result.stderr
    assert "this database has no password_reset_tokens: run migrate" in result.stderr
