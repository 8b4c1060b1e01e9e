"""Consistent rows for model-bakery."""

from typing import Any

from django.db.models import Model
from model_bakery import baker

from veza_streaming.models import Track


def of_one_track(model: type[Model]) -> dict[str, Any]:
    """The values of a row that refers to a track and to rows of a track: all of the same track."""
    keys: dict[str, Any] = {
        field.name: field.related_model
        for field in model._meta.concrete_fields
        if field.is_relation
    }
    others = [
        name
        for name, target in keys.items()
        if name != "track" and "track" in {field.name for field in target._meta.concrete_fields}
    ]
    if not others:
        return {}
    track = baker.make(Track)
    return {"track": track, **{name: baker.make(keys[name], track=track) for name in others}}
