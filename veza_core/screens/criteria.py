"""Filters by a typed value that is not a column of the list's own table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

#: An ID that no row has.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A text field among the filters, and the rows that its value selects.

    An index must find them, as for a key: `order` is the order that it gives (`states.UNSORTED`:
    none), and `key` what it begins with.
    """

    #: In the query string.
    name: str
    label: str
    #: The value that a text means. Raises `HelpfulError` for an invalid text.
    read: Callable[[str], Any]
    #: The rows; may read from the database of the alias.
    where: Callable[[Any, str], Q]
    order: str
    key: str
    #: The other tables that it reads. Users who may not read them do not have this filter.
    tables: Sequence[str] = ()
    #: The model of which the value is a key; None: it is shown as it is.
    model: type[Model] | None = None
    #: A hint about the rows that it finds.
    hint: str = ""
