"""A reply is of its parent's track, and a stream's or job's version of its track: as inserted."""

import pytest

from tests.services.conftest import new_track

proves = pytest.mark.proves
pytestmark = proves(
    "Rule 3: no key says that a reply is of its parent's track, or that the version of a stream or "
    "job is of its track; the statement that inserts the row does "
    "([ADR 2](adr/0002-foreign-keys-in-the-database.md))."
)

VERSION = """
INSERT INTO track_versions (track_id, version_number, file_path) VALUES ($1, 1, 'f') RETURNING id
"""


@pytest.fixture
def other(first, user):
    return new_track(first, user)


def test_a_reply_is_of_the_track_of_what_it_answers(first, user, track, other):
    comment = first.run("AddComment", track, user, None, "Good", None)[0]

    assert first.run("AddComment", other, user, comment, "Yes", None) is None
    assert first.run("AddComment", track, user, comment, "Yes", None)

    count = "SELECT comment_count FROM tracks WHERE id = $1"
    assert (first.one(count, track), first.one(count, other)) == (2, 0)


def test_a_version_of_a_stream_or_job_is_of_its_track(first, track, other):
    version = first.one(VERSION, track)

    assert first.run("CreateStream", other, version) is None
    assert first.run("EnqueueTranscodeJob", other, version, 5) == 0
    assert first.run("CreateStream", track, version)
    assert first.run("EnqueueTranscodeJob", track, version, 5) == 1
