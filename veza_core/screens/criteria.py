"""Filters by a value that is typed and is not a column of the list's own table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

#: The ID of no row.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A text field among the filters, and the rows that its value asks for.

    An index has to find them, as it does those of a key: `order` is the order that it gives
    (`states.UNSORTED`: none), `key` what it begins with.
    """

    #: In the query string.
    name: str
    label: str
    #: The value that a text means. Raises `HelpfulError` for a text that means none.
    read: Callable[[str], Any]
    #: The rows; may read, from the database of the alias.
    where: Callable[[Any, str], Q]
    order: str
    key: str
    #: The other tables that it looks into: who may not read them has no such filter.
    tables: Sequence[str] = ()
    #: What the value is a key of; None: it says itself what it is.
    model: type[Model] | None = None
    #: What to know of the rows that it finds.
    hint: str = ""
