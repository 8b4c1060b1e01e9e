"""The URLs of screens, and all query strings of their lists."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, GenericIPAddressField, Model
from django.urls import reverse
from django.utils.http import urlencode

from tests.admin.crowd import Crowd
from veza_core.models import UserSession


def list_of(model: type[Model], **query: Any) -> str:
    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def page_of(model: type[Model], pk: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])


def screen_of(model: type[Model]) -> Any:
    return admin.site.get_model_admin(model)


def key_values(model: type[Model], name: str, crowd: Crowd) -> list[Any]:
    """Values of a key: with many rows, with few old rows, with some, with none."""
    field = model._meta.get_field(name)
    if isinstance(field, ForeignKey):
        target = field.related_model
        return [crowd.hot(target), crowd.rare(target), crowd.usual(target), NOBODY]
    if isinstance(field, GenericIPAddressField):
        return ["192.0.2.1", "2001:db8::1"]
    return ["name 4711", "of no row"]


#: Values of criteria: with many rows, with none.
CRITERIA_VALUES = {
    "domain": ["example.com", "nowhere.example"],
    "address": ["192.0.2.1", "2001:db8::1"],
}

NOBODY = "00000000-0000-4000-8000-000000000000"


def questions(model: type[Model], crowd: Crowd) -> Iterator[dict[str, Any]]:
    """Query strings: each filter alone, pairs of filters, each view, both directions and ends."""
    screen = screen_of(model).parameters()
    yield {}
    yield {"last": 1}
    yield {"order": "reversed"}
    single: list[dict[str, Any]] = [
        {name: value} for name in screen.keys for value in key_values(model, name, crowd)
    ]
    users = key_values(UserSession, "user", crowd)
    values = CRITERIA_VALUES | {"seen_with": users, "track_user": users}
    single += [{one.name: value} for one in screen.criteria for value in values[one.name]]
    states = [{state.name: option.value} for state in screen.states for option in state.options]
    for one in (*single, *states):
        yield one
    for one in (*single[:2], *states[:1]):
        yield {**one, "last": 1}
    for view in screen_of(model).all_views():
        yield dict(view.query)
    pairs = [(one, other) for one in states[:3] for other in (*single[:2], *states[1::2])]
    pairs += [(one, other) for one in single[:1] for other in single[-3:]]
    for one, other in pairs:
        if not one.keys() & other.keys():
            yield {**one, **other}


def dated(question: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same with dates: a preset, a range in the past, a day to jump to."""
    yield {**question, "range": "30d"}
    yield {**question, "since": "2020-01-01", "until": "2020-12-31"}
    if "last" not in question:
        yield {**question, "jump": "2024-02-29"}
