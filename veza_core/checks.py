"""System checks: of a deployment, and of what models declare about their tables."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.models import Model

from veza_core.db.url import NO_DATABASE


@register(Tags.security, deploy=True)
def database_is_named(**_: Any) -> list[CheckMessage]:
    """Report a production without a database: its first query would be refused."""
    named = connections["default"].settings_dict["NAME"] != ""
    return [] if named else [Error(NO_DATABASE, id="veza_core.E001")]


@register(Tags.models)
def declarations_fit(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """Report what a model declares about a column that it lacks, or by an unknown kind."""
    return [
        Error(problem, obj=model, id="veza_core.E002")
        for model in apps.get_models()
        if app_configs is None or model._meta.app_config in app_configs
        for problem in _problems(model)
    ]


def _problems(model: type[Model]) -> Iterator[str]:
    columns = {field.column for field in model._meta.concrete_fields}
    for name in ("secret_columns", "purged_after"):
        for column in sorted(set(getattr(model, name, ())) - columns):
            yield f"{name} names {column}, which is not a column of {model._meta.db_table}"
    for counter in getattr(model, "counters", ()):
        if counter.column not in columns:
            table = model._meta.db_table
            yield f"counters names {counter.column}, which is not a column of {table}"
    for kind in sorted(
        {*getattr(model, "purged_after", {}).values()} - {*settings.PURGE_AFTER_DAYS}
    ):
        yield f"purged_after names {kind}, not a key of settings.PURGE_AFTER_DAYS"
