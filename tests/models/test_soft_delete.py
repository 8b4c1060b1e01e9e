"""Soft deletion and restoration, on every model that has it and every unique value."""

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import UniqueConstraint
from model_bakery import baker

from veza_core.counters import counting
from veza_core.models import RestoreConflictError, SoftDeleteModel, User
from veza_legacy_chat.models import Room
from veza_streaming.models import Playlist, PlaylistTrack, Track

pytestmark = pytest.mark.django_db

MODELS = [
    model
    for label in settings.PUBLIC_SCHEMA_APPS
    for model in apps.get_app_config(label).get_models()
    if issubclass(model, SoftDeleteModel)
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)
UNIQUE = [
    pytest.param(model, constraint, id=constraint.name)
    for model in MODELS
    for constraint in model._meta.constraints
    if isinstance(constraint, UniqueConstraint) and constraint.fields
]


@every_model
def test_a_deleted_row_is_hidden_and_comes_back(model, django_assert_num_queries):
    instance = baker.make(model, updated_at=datetime(2000, 1, 1, tzinfo=UTC))
    # A counter adds a savepoint and its release, the lock of the row, the query for inheriting
    # tables, the lock of the row with the counter, and the UPDATE of the counter.
    with django_assert_num_queries(7 if counting(model._meta.db_table) else 1):
        instance.soft_delete()
    assert instance.deleted_at == instance.updated_at == instance.created_at
    assert not model.objects.filter(pk=instance.pk).exists()
    assert model.all_objects.get(pk=instance.pk).deleted_at == instance.deleted_at

    instance.restore()
    assert instance.deleted_at is None
    assert model.objects.get(pk=instance.pk).deleted_at is None


def test_deleting_twice_keeps_the_first_time(django_assert_num_queries):
    first = datetime(2000, 1, 1, tzinfo=UTC)
    room = baker.make(Room, deleted_at=first)
    with django_assert_num_queries(0):
        room.soft_delete()
    assert room.deleted_at == first


def test_restoring_a_live_row_does_nothing(django_assert_num_queries):
    room = baker.make(Room)
    with django_assert_num_queries(0):
        room.restore()


def test_nothing_else_is_deleted_with_it():
    entry = baker.make(PlaylistTrack)
    entry.playlist.soft_delete()
    entry.playlist.user.soft_delete()
    assert PlaylistTrack.objects.get() == entry
    playlist = Playlist.all_objects.get()
    assert playlist.user == entry.playlist.user
    playlist.restore()
    assert playlist.playlist_tracks.get() == entry


def test_related_rows_are_the_live_ones():
    user = baker.make(User)
    live, gone = baker.make(Track, user=user, _quantity=2)
    gone.soft_delete()
    assert list(user.tracks.all()) == [live]
    assert set(user.tracks(manager="all_objects").all()) == {live, gone}


@pytest.mark.parametrize(("model", "constraint"), UNIQUE)
def test_a_restore_that_would_collide_is_refused(model, constraint):
    deleted = baker.make(model, **{name: "taken" for name in constraint.fields if name == "slug"})
    deleted.soft_delete()
    taken = {name: getattr(deleted, name) for name in constraint.fields}
    live = baker.make(model, **taken)
    before = dict(vars(deleted))

    with pytest.raises(RestoreConflictError) as caught:
        deleted.restore()

    assert caught.value.code == constraint.name
    (message,) = caught.value.messages
    assert f"This {model._meta.verbose_name} cannot be restored" in message
    assert "already exists" in message
    assert vars(deleted) == before
    assert model.all_objects.get(pk=deleted.pk).deleted_at == deleted.deleted_at
    assert model.objects.get(**taken) == live
    # Once the value is free again, it works.
    live.soft_delete()
    deleted.restore()
    assert model.objects.get(**taken) == deleted


def test_any_other_refusal_is_not_called_a_conflict():
    room = baker.make(Room)
    room.soft_delete()
    deleted_at = room.deleted_at
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rooms ADD CONSTRAINT closed CHECK (deleted_at IS NOT NULL)")
    with pytest.raises(IntegrityError, match="closed"):
        room.restore()
    assert room.deleted_at == deleted_at
