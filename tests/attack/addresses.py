"""All URLs of the site, from its resolver; none is written here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.urls import URLResolver, get_resolver, reverse

import veza_site.urls  # noqa: F401 - registers the screens
from veza_core.models import User
from veza_site.models import Note, StaffLogEntry

#: The models that have a screen: the 28 tables, and what staff did and noted.
MODELS: list[type[Model]] = [
    *(
        model
        for label in settings.PUBLIC_SCHEMA_APPS
        for model in apps.get_app_config(label).get_models()
    ),
    StaffLogEntry,
    Note,
]
#: The endings of the names of a screen's URLs, after `<app>_<model>_`.
PAGES = ("changelist", "change", "value", "export", "selected", "action")


@dataclass(frozen=True)
class Address:
    """A line of the resolver: the route and its name."""

    route: str
    name: str


def addresses() -> Iterator[Address]:
    """Every URL pattern of the site."""
    yield from _below(get_resolver(), "")


def _below(resolver: Any, prefix: str) -> Iterator[Address]:
    for found in resolver.url_patterns:
        route = prefix + str(found.pattern)
        if isinstance(found, URLResolver):
            yield from _below(found, route)
        else:
            yield Address(route, found.name or "")


def screen_names() -> dict[str, type[Model]]:
    """The names of all pages of screens, with the screen's model."""
    names = {f"{prefix(model)}_{page}": model for model in MODELS for page in PAGES}
    timelines = [model for model in MODELS if admin.site.get_model_admin(model).has_timeline]  # type: ignore[attr-defined]
    names |= {f"{prefix(model)}_timeline": model for model in timelines}
    return names | {f"{prefix(User)}_{page}": User for page in ("erasure", "related")}


def prefix(model: type[Model]) -> str:
    """The beginning of the names of a screen's URLs."""
    return f"{model._meta.app_label}_{model._meta.model_name}"


def address_of(model: type[Model], page: str, *args: Any) -> str:
    """The URL of a screen's page."""
    return reverse(f"admin:{prefix(model)}_{page}", args=args)


def actions_of(model: type[Model]) -> dict[str, Any]:
    """The actions on a row of a screen, by name."""
    screen: Any = admin.site._registry[model]
    return {action.name: action for action in screen.row_actions}
