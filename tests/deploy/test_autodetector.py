"""What `makemigrations` writes for changes of existing tables."""

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.migrations import RemoveField, RemoveIndex
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_core.db.indexes import index_on
from veza_core.operations.deploy.autodetector import Autodetector


@pytest.fixture
def change():
    """The models of V1, and the same models, to be changed."""
    before = ProjectState.from_apps(apps)
    return before, before.clone()


def operations(change):
    """The operations of each migration, and whether it is one transaction."""
    changes = Autodetector(*change).changes(graph=MigrationLoader(None).graph)
    return [
        ([type(operation) for operation in migration.operations], migration.atomic)
        for migration in changes["veza_streaming"]
    ]


def test_an_index_is_built_while_services_use_the_table(change):
    options = change[1].models["veza_streaming", "track"].options
    options["indexes"] = [*options["indexes"], index_on("tracks", "album")]
    assert operations(change) == [([AddIndexConcurrently], False)]


def remove_index(change):
    options = change[1].models["veza_streaming", "track"].options
    kept = [index for index in options["indexes"] if index.name != "idx_tracks_genre_created_at"]
    assert len(kept) == len(options["indexes"]) - 1
    options["indexes"] = kept


def test_an_index_is_dropped_while_services_use_the_table(change):
    remove_index(change)
    assert operations(change) == [([RemoveIndexConcurrently], False)]


def test_an_index_is_not_dropped_after_its_column(change):
    remove_index(change)
    del change[1].models["veza_streaming", "track"].fields["genre"]
    assert operations(change) == [([RemoveIndex, RemoveField], True)]
