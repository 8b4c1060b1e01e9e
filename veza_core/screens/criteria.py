"""Filters by a value that is typed and is no column of the list's own table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q


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
    #: The other table that it looks into: who may not read that has no such filter.
    table: str = ""
