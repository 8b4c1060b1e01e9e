"""The schema that Django's schema editor creates from the same models, with Django's defaults.

Keys are BigAutoField. Each foreign key has Django's index and name, a deferred constraint, and a
cascade in Python. `unique=True` replaces partial unique indexes. Defaults are in Python. There is
no index that only a query needs. Check constraints stay.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models
from django.db.migrations.state import ModelState, ProjectState, StateApps

from benchmarks.server import Server
from veza_core.db.fields import DeletedAtField, EnumField, PasswordHashField, UpdatedAtField

ENGINE = "django.db.backends.postgresql"
#: Long enough for each value of the enum types.
ENUM_LENGTH = 20


def stock_models() -> StateApps:
    """Return the models of the 28 tables, in a separate registry."""
    state = ProjectState()
    for label in settings.PUBLIC_SCHEMA_APPS:
        for model in apps.get_app_config(label).get_models():
            state.add_model(_plain(ModelState.from_model(model)))
    return state.apps


def connect(server: Server, database: str) -> str:
    """Define a connection with Django's own engine; return its alias."""
    parameters = {name.upper(): value for name, value in server.parameters.items()}
    connections.databases[database] = connections["default"].settings_dict | {
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        **parameters,
        "ENGINE": ENGINE,
        "NAME": database,
        "OPTIONS": {},
    }
    return database


def ddl(alias: str) -> Iterator[str]:
    """Return the statements with which Django creates the tables."""
    with connections[alias].schema_editor(collect_sql=True, atomic=False) as editor:
        for model in stock_models().get_models():
            editor.create_model(model)
    yield from editor.collected_sql


def _plain(model: ModelState) -> ModelState:
    """Return the model with Django's defaults only. The state is changed in place."""
    uniques = [c for c in model.options.get("constraints", ()) if _is_unique(c)]
    single = {c.fields[0] for c in uniques if len(c.fields) == 1}
    model.fields = {
        name: _plain_field(name, field, unique=name in single)
        for name, field in model.fields.items()
    }
    model.options = {
        "db_table": model.options["db_table"],
        "unique_together": {tuple(c.fields) for c in uniques if len(c.fields) > 1},
        "constraints": [c for c in model.options.get("constraints", ()) if not _is_unique(c)],
        "indexes": [],
    }
    model.bases, model.managers = (models.Model,), []
    return model


def _is_unique(constraint: models.BaseConstraint) -> bool:
    return isinstance(constraint, models.UniqueConstraint)


def _plain_field(name: str, field: Any, *, unique: bool) -> models.Field:
    _, _, arguments, options = field.deconstruct()
    for ours in ("db_default", "db_comment", "db_index", "enum_type", "default"):
        options.pop(ours, None)
    if name == "id":
        return models.BigAutoField(primary_key=True)
    if name in {"created_at", "updated_at"}:
        return models.DateTimeField(
            auto_now_add=name == "created_at", auto_now=isinstance(field, UpdatedAtField)
        )
    if isinstance(field, DeletedAtField):
        return models.DateTimeField(null=True, blank=True)
    if isinstance(field, models.ForeignKey):
        null = field.null
        options["on_delete"] = models.SET_NULL if null and name != "parent" else models.CASCADE
        return models.ForeignKey(*arguments, **options | {"null": null}, unique=unique)
    kind = type(field)
    if isinstance(field, EnumField):
        kind, options["max_length"] = models.CharField, ENUM_LENGTH
    elif isinstance(field, PasswordHashField):
        kind = models.CharField
    return kind(*arguments, **options, **({"unique": True} if unique else {}))
