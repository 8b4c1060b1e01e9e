"""The common behaviour of all models: defaults, `updated_at`, deletion."""

from datetime import UTC, datetime

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import F
from model_bakery import baker

from veza_core.models import SoftDeleteModel, User
from veza_streaming.models import Track

pytestmark = pytest.mark.django_db

OLD = datetime(2000, 1, 1, tzinfo=UTC)
MODELS = [
    model
    for label in settings.PUBLIC_SCHEMA_APPS
    for model in apps.get_app_config(label).get_models()
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)


def in_database(instance):
    """The instance's row as it is in the database."""
    return type(instance)._base_manager.get(pk=instance.pk)


def values(instance):
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.fields}


def now():
    """The transaction's time, which does not change within a test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        return cursor.fetchone()[0]


@every_model
def test_insert_brings_all_defaults_back(model, django_assert_num_queries):
    instance = baker.prepare(model, _save_related=True)
    with django_assert_num_queries(1):
        instance.save()
    assert values(instance) == values(in_database(instance))
    assert instance.created_at == instance.updated_at == now()


@every_model
def test_unsaved_instances_differ(model):
    assert len({model(), model()}) == 2


@every_model
def test_save_brings_updated_at_back(model, django_assert_num_queries):
    instance = baker.make(model, updated_at=OLD)
    assert instance.updated_at == OLD
    with django_assert_num_queries(1):
        instance.save()
    assert instance.updated_at == now() == in_database(instance).updated_at


@pytest.fixture
def track():
    """A track that was last updated in 2000."""
    return baker.make(Track, title="before", slug="a-track", updated_at=OLD)


def assert_is_updated(track, title="after"):
    assert track.updated_at == now() == in_database(track).updated_at
    assert track.title == title == in_database(track).title


def test_save_of_some_fields(track, django_assert_num_queries):
    track.title = "after"
    track.artist = "not saved"
    with django_assert_num_queries(1):
        track.save(update_fields=["title"])
    assert_is_updated(track)
    assert in_database(track).artist is None


def test_save_of_no_fields(track, django_assert_num_queries):
    with django_assert_num_queries(0):
        track.save(update_fields=[])
    assert track.updated_at == OLD


def test_asave(track, django_assert_num_queries):
    track.title = "after"
    with django_assert_num_queries(1):
        async_to_sync(track.asave)(update_fields=["title"])
    assert_is_updated(track)


def test_save_of_an_expression(track, django_assert_num_queries):
    track.title = "after"
    track.play_count = F("play_count") + 1
    with django_assert_num_queries(1):
        track.save()
    assert track.play_count == 1
    assert_is_updated(track)


def test_update_or_create(track, django_assert_num_queries):
    # A savepoint, SELECT … FOR UPDATE, UPDATE, and the savepoint's release.
    with django_assert_num_queries(4):
        updated, created = Track.objects.update_or_create(
            slug="a-track", defaults={"title": "after"}
        )
    assert (updated, created) == (track, False)
    assert_is_updated(updated)


def test_updated_at_cannot_be_chosen(track):
    track.updated_at = datetime(1999, 12, 31, tzinfo=UTC)
    track.save()
    assert_is_updated(track, title="before")


def test_update_of_a_query(track, django_assert_num_queries):
    with django_assert_num_queries(1):
        Track.objects.update(title="after")
    track.refresh_from_db()
    assert_is_updated(track)


@every_model
def test_hard_delete_is_one_statement(model, django_assert_num_queries):
    """PostgreSQL cascades. For a user, Django also deletes rows of its own tables."""
    statements = 4 if model is User else 1
    instance = baker.make(model)
    with django_assert_num_queries(statements) as queries:
        instance.delete()
    assert f'DELETE FROM "{model._meta.db_table}"' in queries[-1]["sql"]


def test_hard_delete_of_many_is_one_statement(django_assert_num_queries):
    user = baker.make(User)
    baker.make(Track, user=user, _quantity=3)
    with django_assert_num_queries(1):
        user.tracks.all().delete()
    assert not Track.all_objects.exists()


def test_hard_delete_takes_what_is_owned():
    track = baker.make(Track)
    track.user.delete()
    assert not Track.all_objects.filter(pk=track.pk).exists()


@every_model
def test_no_manager_hides_rows_by_mistake(model):
    """Only soft-deleted rows are hidden, and only from `objects`."""
    instance = baker.make(model)
    assert model.objects.filter(pk=instance.pk).exists()
    assert hasattr(model, "all_objects") == issubclass(model, SoftDeleteModel)
    assert hasattr(instance, "deleted_at") == issubclass(model, SoftDeleteModel)
