"""A run renders few models, and creates the same as Django's own executor."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.db import connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState, StateApps
from django.test.utils import CaptureQueriesContext

from tests.support import (
    ROOT,
    database_environment,
    manage,
    schema_of,
    scratch_database,
    server_parameters,
)
from veza_core.db.schema_version import comment_of, declared_version
from veza_core.operations.deploy.state import RunState

STOCK = """
import django
django.setup()
from django.core.management.commands.migrate import Command
Command().run_from_argv(["manage.py", "migrate", "--verbosity", "0"])
"""
HISTORY = "SELECT app, name FROM django.django_migrations ORDER BY id"


def all_migrations():
    """Every migration of the project and its apps, in the order of a fresh run."""
    graph = MigrationLoader(None).graph
    plan = {}
    for leaf in graph.leaf_nodes():
        plan |= dict.fromkeys(graph.forwards_plan(leaf))
    return [graph.nodes[key] for key in plan]


def relations(apps: StateApps):
    """Each model's fields, what they refer to, and what refers to it, by name."""
    found = {}
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        for field in model._meta.local_fields + model._meta.local_many_to_many:
            target = field.remote_field and field.remote_field.model
            # Not one that another has replaced.
            assert not target or target is apps.get_model(target._meta.label), field
        found[model._meta.label] = (
            model.__bases__[0]._meta.label if hasattr(model.__bases__[0], "_meta") else None,
            [repr(field) for field in model._meta.local_fields],
            sorted(repr(field) for field in model._meta.get_fields()),
            sorted(
                (relation.related_model._meta.label, relation.field.name, relation.hidden)
                for relation in model._meta.get_fields(include_hidden=True)
                if relation.auto_created and not relation.concrete
            ),
            sorted(field.db_type(connection) or "" for field in model._meta.local_fields),
        )
    return found


def test_a_fresh_run_renders_each_model_less_than_three_times(monkeypatch):
    rendered = []
    render = ModelState.render
    monkeypatch.setattr(
        ModelState, "render", lambda self, apps: rendered.append(self) or render(self, apps)
    )
    state = RunState()
    assert state.apps
    for migration in all_migrations():
        migration.mutate_state(state, preserve=False)
    changes = sum(
        hasattr(operation, "model_name") or isinstance(operation, migrations.AlterModelOptions)
        for migration in all_migrations()
        for operation in migration.operations
    )
    # Each when it is created; a later change renders at most two more.
    assert len(rendered) <= len(state.models) + 3 * changes
    assert len(rendered) < 3 * len(state.models)
    state.clear_delayed_apps_cache()
    assert "apps" in state.__dict__, "all models would be rendered again"


def test_what_was_rendered_is_what_rendering_all_gives():
    state = RunState()
    assert state.apps
    for migration in all_migrations():
        migration.mutate_state(state, preserve=False)
        fresh = StateApps(state.real_apps, state.models, ignore_swappable=True)
        assert relations(state.apps) == relations(fresh), migration


def key(**options):
    return models.BigAutoField(primary_key=True, **options)


def to(model, **options):
    return models.ForeignKey(model, models.CASCADE, **options)


MAKE = [
    migrations.CreateModel("Country", [("id", models.IntegerField(primary_key=True))]),
    migrations.CreateModel(
        "City", [("id", key()), ("name", models.TextField()), ("country", to("shop.Country"))]
    ),
    migrations.CreateModel("Tag", [("id", models.IntegerField(primary_key=True))]),
    migrations.CreateModel(
        "Person",
        [
            ("id", models.IntegerField(primary_key=True)),
            ("born_in", to("shop.City", related_name="births")),
            ("friend", to("self", null=True)),
            ("tags", models.ManyToManyField("shop.Tag")),
        ],
    ),
    migrations.CreateModel(
        "Visit", [("id", key()), ("city", to("shop.City")), ("who", to("shop.Person"))]
    ),
    migrations.CreateModel(
        "Pilot",
        [
            (
                "person_ptr",
                models.OneToOneField(
                    "shop.Person", models.CASCADE, parent_link=True, primary_key=True
                ),
            )
        ],
        bases=("shop.person",),
    ),
    migrations.CreateModel("Sailor", [], options={"proxy": True}, bases=("shop.person",)),
    migrations.CreateModel("Ship", [("id", key()), ("captain", to("shop.Sailor"))]),
]
BIGGER = models.BigIntegerField(primary_key=True)
CHANGES = {
    "a key that others refer to": [migrations.AlterField("Person", "id", BIGGER)],
    "a key behind a many-to-many": [migrations.AlterField("Tag", "id", BIGGER)],
    "two keys": [
        migrations.AlterField("Country", "id", BIGGER),
        migrations.AlterField("Person", "id", BIGGER),
    ],
    "a column": [
        migrations.AlterField("City", "name", models.CharField(max_length=9)),
        migrations.AddField("City", "size", models.IntegerField(default=0)),
        migrations.AlterField("Country", "id", BIGGER),
    ],
    "a column's name": [
        migrations.RenameField("City", "country", "land"),
        migrations.AlterField("Country", "id", BIGGER),
    ],
    "a model's name": [
        migrations.RenameModel("City", "Town"),
        migrations.AlterField("Town", "id", models.IntegerField(primary_key=True)),
        migrations.AddField("Person", "height", models.IntegerField(null=True)),
    ],
    "the name of one behind a many-to-many": [
        migrations.RenameModel("Tag", "Label"),
        migrations.AlterField("Label", "id", BIGGER),
    ],
    "a new reference": [
        migrations.AddField("Visit", "country", to("shop.Country", null=True)),
        migrations.AlterField("Country", "id", BIGGER),
    ],
    "a reference that goes": [
        migrations.RemoveField("Visit", "who"),
        migrations.AlterField("Person", "id", BIGGER),
    ],
    "a many-to-many that goes and comes": [
        migrations.RemoveField("Person", "tags"),
        migrations.AddField("City", "tags", models.ManyToManyField("shop.Tag")),
        migrations.AlterField("Tag", "id", BIGGER),
    ],
    "a model that goes": [
        migrations.DeleteModel("Visit"),
        migrations.AlterField("City", "id", models.IntegerField(primary_key=True)),
    ],
    "options": [
        migrations.AlterModelOptions("Person", {"ordering": ["id"]}),
        migrations.AlterModelTable("Person", "people"),
        migrations.AddIndex("Person", models.Index("born_in", name="people_born_in")),
        migrations.AlterField("Person", "id", BIGGER),
    ],
    "the database alone": [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AlterField("Person", "id", BIGGER)]
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AddField("Visit", "at", to("shop.Country", null=True))]
        ),
        migrations.AlterField("City", "name", models.CharField(max_length=9)),
    ],
}


def statements_of(state, change):
    """Run the change on a database after MAKE, return its statements, and roll it back."""
    assert state.apps
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        for operation in [*MAKE, *CHANGES[change]]:
            migration = migrations.Migration("0001", "shop")
            migration.operations = [operation]
            with connection.schema_editor() as editor:
                state = migration.apply(state, editor)
            if isinstance(state, RunState):
                fresh = StateApps(set(), state.models)
                assert relations(state.apps) == relations(fresh), operation
        transaction.set_rollback(True)
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_runs_the_statements_that_it_runs_in_django(change):
    # Django keeps related models in a set, so their order varies.
    ours, django = (statements_of(state(), change) for state in (RunState, ProjectState))
    assert sorted(ours) == sorted(django)


@pytest.mark.django_db
def test_catalog_and_history_are_those_of_django_s_own_executor():
    found = []
    for own in (True, False):
        with scratch_database() as name:
            if own:
                result = manage("migrate", "--verbosity", "0", **database_environment(name))
            else:
                result = subprocess.run(
                    [sys.executable, "-c", STOCK],
                    cwd=ROOT,
                    env={
                        **os.environ,
                        "DEBUG": "1",
                        "DJANGO_SETTINGS_MODULE": "veza_site.settings",
                        **database_environment(name),
                    },
                    capture_output=True,
                    text=True,
                    check=False,
                )
            assert result.returncode == 0, result.stderr
            parameters = {**server_parameters(), "dbname": name}
            with psycopg.connect(**parameters) as session:
                history = session.execute(HISTORY).fetchall()
                if not own:
                    # The schema's version, which Django does not write.
                    session.execute(
                        f"COMMENT ON SCHEMA public IS '{comment_of(declared_version())}'"
                    )
            # PostgreSQL 15.20 stores an internal number with every column.
            schema = [
                line for line in schema_of(**parameters).splitlines() if "pg_attver" not in line
            ]
            found.append((history, schema))
    assert found[0] == found[1]
