"""What `makemigrations` writes for changes of existing tables."""

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.migrations import Migration, RemoveField, RemoveIndex
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_core.db.indexes import index_on
from veza_core.db.operations import AddEnumValue
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


@pytest.fixture
def offer(monkeypatch):
    """Let the models offer other values of `track_status`."""
    field = apps.get_model("veza_streaming", "track")._meta.get_field("status")
    return lambda *values: monkeypatch.setattr(field, "choices", [(each, each) for each in values])


def added(change, **empty):
    """The new values of each migration, and the values that they come before."""
    graph = MigrationLoader(None).graph
    detector = Autodetector(*change)
    changes = detector.arrange_for_graph(empty, graph) if empty else detector.changes(graph=graph)
    return [
        (
            migration.name.partition("_")[2],
            [(op.value, op.before) for op in migration.operations if isinstance(op, AddEnumValue)],
        )
        for migration in changes.get("veza_streaming", [])
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("uploading", "processing", "ready", "failed"), []),
        # A value that is not used any more stays in the type.
        (("uploading", "ready"), []),
        (("uploading", "processing", "ready", "failed", "hidden"), [("hidden", "")]),
        (
            ("uploading", "checking", "processing", "ready", "failed", "gone", "hidden"),
            [("hidden", ""), ("gone", "hidden"), ("checking", "processing")],
        ),
    ],
)
def test_values_of_an_enum_type(change, offer, values, expected):
    offer(*values)
    assert [each for _, each in added(change)] == ([expected] if expected else [])


def test_the_migration_that_adds_a_value_comes_before_those_that_may_use_it(change, offer):
    offer("uploading", "processing", "ready", "failed", "hidden")
    remove_index(change)

    graph = MigrationLoader(None).graph
    [(_, last)] = graph.leaf_nodes("veza_streaming")
    changes = Autodetector(*change).changes(graph=graph)
    first, second = changes["veza_streaming"]

    assert [type(operation) for operation in first.operations] == [AddEnumValue]
    assert ("veza_streaming", first.name) in second.dependencies
    number = max(940, int(last[:3]) + 1)
    assert (first.name, second.name) == (
        f"{number}_track_status_hidden",
        f"{number + 1}_remove_idx_tracks_genre_created_at",
    )


def test_an_empty_migration_is_the_only_one(change, offer):
    offer("uploading", "processing", "ready", "failed", "hidden")
    [(_, values)] = added(change, veza_streaming=[Migration("custom", "veza_streaming")])
    assert values == []
