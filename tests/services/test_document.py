"""docs/services.md: its tables match the live catalog, and its statements are true there."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from benchmarks.queries.statements import STATEMENTS, sql
from tests.services.conftest import new_track, new_user
from tests.support import ROOT
from veza_core.operations.purge.policy import purge_columns
from veza_core.passwords import MAX_PASSWORD_BYTES, BCryptPasswordHasher

DOCUMENT = (ROOT / "docs" / "services.md").read_text()
WRITERS = {"API", "stream server", "chat server", "staff", "job"}
COLUMNS = """SELECT relname, attname, format_type(atttypid, NULL)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"""
CHECKS = """SELECT conname FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype = 'c'
UNION SELECT tgname FROM pg_trigger WHERE tgname LIKE 'chk%'"""
UNIQUE = """SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND indisunique AND NOT indisprimary"""
REQUIRED = """SELECT relname, attname
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
AND attnotnull AND NOT atthasdef AND NOT attisdropped"""
REFERENCES = """SELECT DISTINCT confrelid::regclass::text, confdeltype FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace"""


def table(heading):
    """The rows of the document's table whose heading begins with this text."""
    lines = DOCUMENT.splitlines()
    (start,) = (n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell):
    """The names in a cell; a dash means none."""
    return set(cell.replace("`", "").split(", ")) - {"–"}


# Tables ---------------------------------------------------------------------------------------


def test_each_column_has_a_writer_that_is_named_once(first):
    live = {(t, c) for t, c, _ in first.execute(COLUMNS)}

    written = [(name, c) for name, _, cell in table("table") for c in cell.split(", ")]

    assert len(written) == len(set(written))
    # The API writes the others.
    assert set(written) <= live
    assert set().union(*(writers.split(", ") for _, writers, _ in table("table"))) == WRITERS


def test_each_type_is_in_the_table(first):
    types = [name for cell, *_ in table("PostgreSQL") for name in names(cell)]
    types.remove("each enum type")

    enums = {name for (name,) in first.execute("SELECT typname FROM pg_type WHERE typtype = 'e'")}
    assert sorted(types) == sorted({type_ for *_, type_ in first.execute(COLUMNS)} - enums)


def test_each_constraint_means_something_to_a_user(first):
    told = [name for cell, _ in table("constraint") for name in names(cell)]
    unique, checks = ({name for (name,) in first.execute(query)} for query in (UNIQUE, CHECKS))

    assert len(told) == len(set(told))
    assert unique <= set(told) <= unique | checks
    assert "If this table does not list a check, its error is a bug of the service." in DOCUMENT


def test_each_insert_fills_the_columns_without_a_default(first):
    """A column that is new and required is missing in a statement here, and not in production."""
    required = set(first.execute(REQUIRED).fetchall())
    inserts = [
        (name, table, set(re.split(r",\s+", columns)))
        for name in STATEMENTS
        for table, columns in re.findall(r"INSERT INTO (\w+)[^(;]*\(([\w,\s]+)\)", sql(name))
    ]

    assert {"users", "tracks", "track_plays"} <= {table for _, table, _ in inserts}
    assert [
        (name, column)
        for name, table, columns in inserts
        for column in sorted(column for parent, column in required if parent == table)
        if column not in columns
    ] == []


def test_what_happens_when_a_referenced_row_is_deleted(first):
    told = [
        (name, rule)
        for cell, *says in table("referenced table")
        for name in names(cell)
        for rule, text in zip("cn", says, strict=True)
        if text != "–"
    ]

    assert sorted(told) == sorted(first.execute(REFERENCES).fetchall())


def test_what_is_never_purged(first):
    rows = {name: says for cell, *says in table("referenced table") for name in names(cell)}
    purged = {name for _, name, _ in purge_columns()}
    purged |= {name for name, column, _ in first.execute(COLUMNS) if column == "deleted_at"}

    assert {name for name, says in rows.items() if "not purged" in says[0]} == rows.keys() - purged


def test_each_state_that_is_named_is_one(first):
    types = {"track": "track_status", "stream": "hls_stream_status", "job": "transcode_status"}
    for row, before, after, _ in table("row"):
        labels = {label for (label,) in first.execute(
            "SELECT unnest(enum_range(NULL::%s))::text" % types[row])}  # fmt: skip  # noqa: UP031
        assert (names(before) | names(after)) - {"none"} <= labels
    moved = {
        name for row, _, cell, _ in table("row") for name in {f"{row} {c}" for c in names(cell)}
    }
    # Each state can be reached, except those in which an upload and a stream begin.
    for row, type_ in types.items():
        labels = first.execute(f"SELECT unnest(enum_range(NULL::{type_}))::text")
        reached = {f"{row} {label}" for (label,) in labels}
        assert reached - moved <= {"track uploading", "stream pending"}


def test_each_statement_that_is_named_exists():
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", DOCUMENT))

    assert named - STATEMENTS.keys() <= {"DateTime", "QueryExecModeExec"}


# Upserts and errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "error"),
    [
        ("(user_id, track_id)", psycopg.errors.InvalidColumnReference),
        (
            "ON CONSTRAINT idx_track_likes_track_id_user_id",
            psycopg.errors.UndefinedObject,
        ),
    ],
)
def test_an_upsert_on_a_soft_table_needs_its_condition(first, user, track, conflict, error):
    statement = (
        "INSERT INTO track_likes (user_id, track_id) VALUES ($1, $2) ON CONFLICT {} DO NOTHING"
    )

    with pytest.raises(error) as caught:
        first.execute(statement.format(conflict), user, track)

    assert f"`{caught.value.sqlstate}`" in DOCUMENT
    condition = "(user_id, track_id) WHERE deleted_at IS NULL"
    assert f"ON CONFLICT {condition}" in DOCUMENT
    assert first.execute(statement.format(condition), user, track).rowcount == 1


BAD = {
    "23505": "INSERT INTO users (email, username) SELECT email, 'other' FROM users LIMIT 1",
    "23514": "UPDATE tracks SET play_count = -1",
    "23503": "INSERT INTO track_plays (track_id) VALUES (gen_random_uuid())",
    "23502": "INSERT INTO users (username) VALUES ('somebody')",
    "22001": "UPDATE tracks SET title = repeat('x', 256)",
    "22P02": "SELECT FROM users WHERE id = 'x'",
    "22021": r"SELECT convert_from('\xff', 'UTF8')",
    "22P05": r"""SELECT '"\u0000"'::jsonb""",
}


@pytest.mark.parametrize(("code", "statement"), BAD.items())
def test_a_wrong_value_has_the_code_of_the_table(first, track, code, statement):
    with pytest.raises(psycopg.Error) as caught:
        first.execute(statement)

    assert caught.value.sqlstate == code
    assert any(f"`{code}`" in cell for cell, *_ in table("SQLSTATE"))


def test_an_open_vocabulary_says_so_and_gives_examples(first):
    (told,) = re.findall(r"- (.+?) are open vocabularies", DOCUMENT)

    live = first.execute("""SELECT DISTINCT attname FROM pg_attribute
        WHERE col_description(attrelid, attnum) ~* 'open vocabulary, such as \\w'""")

    assert {name for (name,) in live} == set(re.findall(r"`(\w+)`", told))


def test_text_from_clients_has_the_same_limit_everywhere(first):
    (told,) = re.findall(r"(?s)length in characters:(.+?)\.", DOCUMENT)
    bounds = dict(re.findall(r"`(\w+)` (\d+)", told))

    with_bounds = COLUMNS.replace("NULL)", "atttypmod)", 1)
    live = {(c, type_) for _, c, type_ in first.execute(with_bounds) if c in bounds}

    assert live == {(c, f"character varying({bound})") for c, bound in bounds.items()}


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE users SET token_version = -1 WHERE id = $1", "chk_users_token_version"),
        ("UPDATE users SET email = NULL WHERE id = $1", None),
    ],
)
def test_the_detail_of_an_error_holds_the_password_hash(first, user, statement, constraint):
    hashed = BCryptPasswordHasher().encode("a password", BCryptPasswordHasher().salt())
    hashed = hashed.split("$", 1)[1]
    first.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user, hashed)

    with pytest.raises(psycopg.IntegrityError) as caught:
        first.execute(statement, user)

    assert caught.value.diag.constraint_name == constraint
    assert hashed in caught.value.diag.message_detail
    assert "password_hash" not in caught.value.diag.message_primary


# Tokens and names -----------------------------------------------------------------------------


def test_a_token_and_its_hash_have_these_lengths(first, user):
    token = secrets.token_urlsafe(32)
    hashed = hashlib.sha256(token.encode()).hexdigest()
    expires = datetime.now(UTC) + timedelta(days=1)

    assert (len(token), len(hashed)) == (43, 64)
    first.run("CreateRefreshToken", user, None, hashed, expires, None, None)
    assert first.run("RefreshTokenByHash", hashed)[1] == user


def test_a_password_is_bcrypt_with_nothing_in_front_and_has_72_bytes():
    assert MAX_PASSWORD_BYTES == 72
    assert "cost 12" in DOCUMENT
    # The tests take a lower one.
    assert BCryptPasswordHasher.__mro__[1].rounds == 12


def test_an_e_mail_is_found_in_any_case(first, user):
    email = first.one("SELECT email FROM users WHERE id = $1", user)

    assert first.run("UserByEmail", email.upper())[0] == user


def test_a_deleted_account_blocks_no_e_mail_and_its_sessions_end(first, user):
    email = first.one("SELECT email FROM users WHERE id = $1", user)
    expires = datetime.now(UTC) + timedelta(days=1)
    token = secrets.token_urlsafe(32)
    first.run("CreateSession", user, token, None, None, None, expires)
    assert first.run("SessionByHash", token)

    assert first.run("DeleteUser", user) == 1

    assert first.run("SessionByHash", token) is None
    assert first.run("UserForAccessToken", user) is None
    assert first.run("CreateUser", email, secrets.token_hex(8), None, None)


# Visibility -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["is_banned", "NOT is_active", "deleted_at IS NOT NULL"])
def test_rows_hidden_by_the_owners_state(first, state):
    owner = new_user(first)
    track = new_track(first, owner)
    first.execute("UPDATE tracks SET slug = $1::text WHERE id = $2", str(track), track)
    assert first.run("PlayableTrack", track, None)
    change = {
        "is_banned": "is_banned = true",
        "NOT is_active": "is_active = false",
        "deleted_at IS NOT NULL": "deleted_at = now()",
    }[state]
    first.execute(f"UPDATE users SET {change} WHERE id = $1", owner)

    assert first.run("PlayableTrack", track, None) is None
    assert first.run("TrackBySlug", str(track))[-1] is False
    # A list still has it.
    listed = first.execute(sql("NewestTracks")).fetchall()
    assert owner in {row[1] for row in listed}
    assert first.run("HiddenOwners", [row[1] for row in listed]) is not None
    back = "is_banned = false, is_active = true, deleted_at = NULL"
    first.execute(f"UPDATE users SET {back} WHERE id = $1", owner)
    assert first.run("PlayableTrack", track, None)


def test_an_owner_can_hear_tracks_that_are_not_public(first, user, track):
    first.execute("UPDATE tracks SET is_public = false WHERE id = $1", track)

    assert first.run("PlayableTrack", track, None) is None
    assert first.run("PlayableTrack", track, new_user(first)) is None
    assert first.run("PlayableTrack", track, user)[0] == track


# Clocks and cursors ---------------------------------------------------------------------------


def test_the_rows_of_a_copy_have_one_time(first, track):
    with first.connection.cursor().copy("COPY track_plays (track_id) FROM STDIN") as copy:
        for _ in range(5_000):
            copy.write_row([track])

    counts = "SELECT count(*), count(DISTINCT created_at) FROM track_plays WHERE track_id = $1"
    assert first.execute(counts, track).fetchone() == (5_000, 1)


def test_rows_of_a_transaction_have_its_start_time(first, track):
    first.begin()
    began = first.one("SELECT clock_timestamp()")
    first.execute("INSERT INTO track_plays (track_id) VALUES ($1)", track)
    later = "SELECT created_at <= $2 AND clock_timestamp() > created_at FROM track_plays"
    assert first.one(f"{later} WHERE track_id = $1", track, began)
    first.commit()


def test_no_client_sets_updated_at_and_a_play_moves_it(first, track):
    first.execute("UPDATE tracks SET updated_at = '2001-01-01' WHERE id = $1", track)
    before = first.one("SELECT updated_at FROM tracks WHERE id = $1", track)
    assert before.year > 2001

    first.run("CountPlay", track)

    assert first.one("SELECT updated_at FROM tracks WHERE id = $1", track) > before


def test_a_cursor_in_milliseconds_loses_rows(first, user):
    # Rows of one millisecond, newer than all others, more than a page of them.
    first.execute(
        "INSERT INTO tracks (user_id, title, file_path, status, created_at) "
        "SELECT $1, 'T', 'a', 'ready', '2030-01-01 00:00:00.001'::timestamptz "
        "+ n * interval '7 microseconds' FROM generate_series(1, 120) AS n",
        user,
    )

    def pages(cut):
        seen, page = set(), first.execute(sql("NewestTracks")).fetchall()
        while page and page[-1][-1].year == 2030:
            seen |= {row[0] for row in page}
            created_at, id_ = page[-1][-1], page[-1][0]
            page = first.execute(sql("NewestTracksAfter"), cut(created_at), id_).fetchall()
        return len(seen | {row[0] for row in page if row[-1].year == 2030})

    try:
        assert pages(lambda time: time) == 120
        in_milliseconds = lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)  # noqa: E731
        assert pages(in_milliseconds) < 120
    finally:
        first.execute("DELETE FROM tracks WHERE created_at >= '2030-01-01'")
