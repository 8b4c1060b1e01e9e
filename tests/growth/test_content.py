"""A table that becomes content of users: who could delete all of it, still can, or lint says so."""

import psycopg
import pytest

from tests.support import server_parameters
from veza_core.screens.display import declared
from veza_site.development.forgotten import database
from veza_site.development.forgotten.tables import read_tables

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        (
            {"track_likes": "user"},
            [
                "role moderator may delete other content of users, but not track_likes. "
                'Add InsertPermissions("track_likes", moderator=["delete"]).'
            ],
        ),
    ],
)
def test_moderators_keep_the_action(migrated, monkeypatch, more, expected):
    content = {**declared("content"), **more}
    monkeypatch.setattr(database, "declared", lambda name: content)
    with psycopg.connect(**server_parameters(), dbname=migrated) as session:
        said = [*database._permissions(read_tables(), session)]
    assert [line.partition(": ")[2] for line in said] == expected
