"""The migrations have exactly their canonical names, and fit the models."""

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from veza_core.schema.v1 import migrations_after_v1, v1_migrations

CANONICAL = {
    ("veza_core", "001_extensions_and_types"),
    ("veza_core", "010_auth_and_users"),
    ("veza_core", "020_rbac_and_profiles"),
    ("veza_core", "900_triggers_and_functions"),
    ("veza_streaming", "040_streaming_core"),
    ("veza_streaming", "041_streaming_analytics"),
    ("veza_media", "042_media_processing"),
    ("veza_legacy_chat", "050_legacy_chat"),
}


def test_names_are_canonical():
    assert set(v1_migrations(MigrationLoader(None))) == CANONICAL


def test_later_migrations_have_numbers_of_their_apps():
    for app, name in migrations_after_v1(MigrationLoader(None)):
        assert int(name[:3]) in apps.get_app_config(app).migration_numbers, name


def test_ranges_of_migration_numbers_do_not_overlap():
    ranges = [apps.get_app_config(app).migration_numbers for app in settings.PUBLIC_SCHEMA_APPS]
    numbers = [number for each in ranges for number in each]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (901, 998)


@pytest.mark.django_db
def test_models_have_no_changes_without_a_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_app_of_public_is_installed():
    assert {apps.get_app_config(label).label for label in settings.PUBLIC_SCHEMA_APPS} == set(
        settings.PUBLIC_SCHEMA_APPS
    )
