"""Django's serializers, which also write where the rows of a `dumpdata` are from.

Django's deserializers ignore what they do not know, so any `loaddata` can read such a file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.serializers.python import Serializer
from django.db.models import Model

from veza_core.db.session import Session


@dataclass(slots=True)
class Origin:
    """Where the rows of a file are from, and whether the file says so."""

    place: dict[str, Any]
    is_written: bool = False


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def saved_from(session: Session) -> Iterator[Origin]:
    """In this block, serialized data says that it is from this session's database."""
    origin = Origin(session.as_dict())
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def unwritten_origin() -> dict[str, Any] | None:
    """Where the rows are from, the first time; None: nobody asked, or it is already written."""
    origin = _origin.get()
    if origin is None or origin.is_written:
        return None
    origin.is_written = True
    return origin.place


class OriginMixin(Serializer):
    """Writes it into the first object, next to the model's name."""

    def get_dump_object(self, obj: Model) -> dict[str, Any]:
        written: dict[str, Any] = super().get_dump_object(obj)
        place = unwritten_origin()
        return {"saved_from": place, **written} if place else written
