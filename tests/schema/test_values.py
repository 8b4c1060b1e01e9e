"""The checks that are words in docs/schema.md: what they accept, whatever the settings."""

import pytest
from django.db import DataError, transaction
from psycopg.errors import CheckViolation, StringDataRightTruncation, UniqueViolation

from tests.schema.rows import violates
from tests.schema.values import BAD, GOOD, HASH

proves = pytest.mark.proves


@proves(
    "- Rule 4: this page names some checks by a word. They do not depend on the collation. "
    "*not blank*: the text has at least one visible character. Not visible are spaces of all "
    "kinds, control characters, direction marks, joiners, fillers, variation selectors and "
    "tags. *address*: an e-mail address in lower case, in ASCII, whose domain has two labels "
    "or more. *slug*: lower-case ASCII letters, digits, `.`, `_` and `-`, beginning with a "
    "letter or digit. *plain*: all characters are visible, none is an `@`, and the text is in"
    " Unicode's normal form NFKC. *bcrypt*: 60 characters that begin with `$2a$`, `$2b$` or "
    "`$2y$`. *object*: the JSON value is an object. *labels*: a one-dimensional array with "
    "subscripts from 1 and at most 50 texts, none empty and none NULL. *numbers*: such an "
    "array of numbers above 0, of any length. *country*: two capital letters. *moment*: a "
    "time in the years 1 to 9999, not `infinity`. *day*: a date in these years."
)
def test_each_kind_has_its_values(document):
    """tests/schema/test_constraints.py tries them on each check that has the word."""
    words = {words for _, _, words in document.checks.values()}
    assert words >= BAD.keys() == GOOD.keys()


def test_a_bcrypt_hash_has_60_characters():
    assert len(HASH) == 60


def test_settings_of_a_session_change_nothing(cursor, rows):
    cursor.execute(
        "SET LOCAL standard_conforming_strings = off; SET LOCAL transform_null_equals = on; "
        "SET LOCAL search_path = pg_catalog, public"
    )
    with violates(CheckViolation, "chk_users_email"):
        rows.insert("users", email="Bob@example.com")
    with violates(CheckViolation, "chk_users_username"):
        rows.insert("users", username="al\u202eice")


def test_checks_are_immutable(cursor, document):
    """A backup can be restored only if its rows stay valid later, and on other servers."""
    cursor.execute(
        """
        SELECT DISTINCT conname, proname FROM pg_constraint
        JOIN pg_depend ON classid = 'pg_constraint'::regclass AND objid = pg_constraint.oid
            AND refclassid = 'pg_proc'::regclass
        JOIN pg_proc ON pg_proc.oid = refobjid
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND provolatile <> 'i'
        """
    )
    assert cursor.fetchall() == []
    for name in document.checks:
        cursor.execute(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = %s", [name]
        )
        ((condition,),) = cursor.fetchall()
        assert " ~ " not in condition or 'COLLATE "C"' in condition


def test_a_username_is_taken_in_every_case(rows):
    rows.insert("users", username="Alice")
    with violates(UniqueViolation, "idx_users_username_upper"):
        rows.insert("users", username="aLICE")
    rows.insert("users", username="ALICE", deleted_at="2026-01-01T00:00:00Z")


def test_a_stream_is_asked_for_once(rows):
    """Of a version, or of the track's first file; once it is being processed, again."""
    track = rows.insert("tracks")
    version = rows.insert("track_versions", track_id=track)
    name = "idx_hls_transcode_queue_track_id_track_version_id"
    for given in ({}, {"track_version_id": version}):
        job = rows.insert("hls_transcode_queue", track_id=track, **given)
        with violates(UniqueViolation, name):
            rows.insert("hls_transcode_queue", track_id=track, **given)
        rows.update("hls_transcode_queue", job, "status = 'processing'")
        rows.insert("hls_transcode_queue", track_id=track, **given)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("user_sessions", "user_agent", "é" * 1025),
        ("refresh_tokens", "user_agent", "x" * 1025),
        ("tracks", "tags", ["x" * 101]),
    ],
)
def test_bounds_of_types(rows, table, column, value):
    with pytest.raises(DataError) as caught, transaction.atomic():
        rows.insert(table, **{column: value})
    assert isinstance(caught.value.__cause__, StringDataRightTruncation)
    rows.insert(table, **{column: value[:-1] if isinstance(value, str) else [value[0][:-1]]})


def test_an_id_may_be_the_clients(rows):
    """UUIDs of version 7 are in order of time, which is good for keys."""
    own = "01936f3e-7c00-7abc-8def-0123456789ab"
    assert str(rows.insert("track_plays", id=own)) == own
