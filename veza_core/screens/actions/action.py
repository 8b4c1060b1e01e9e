"""What an action is. Each one is declared once, on the screen of its table (`row_actions`)."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.db import router
from django.db.models import Model
from django.http.response import HttpResponseBase

from veza_core.access import Access, StaffRequest

from ..display import shortened
from ..errors import HelpfulError
from ..legible import name_text
from ..site import StaffSite


class RefusedError(HelpfulError):
    """An action that its rules forbid for this user, whatever their permissions."""

    status = 403
    title = "Not allowed"


class ConflictError(HelpfulError):
    """A row is not in the state that was shown, or that the action needs."""

    status = 409
    title = "Not changed"


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed, for the staff log: column to value, only changed columns."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that the action does not change."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """What a change needs besides the row."""

    request: StaffRequest
    #: For `add_note`.
    site: StaffSite
    #: The values of the form, in addition to the reason.
    values: Mapping[str, Any]
    #: The reason; empty if the action needs none.
    reason: str = ""

    @property
    def access(self) -> Access:
        return self.request.access


#: The most characters of a row's name on the pages of actions.
MAX_NAME_LENGTH = 100

#: Where a row stores why rules forbid actions on it, by rule.
_REFUSED = "_veza_refused"

#: For rows: key to the reason why the user may not act on them.
type RefusalRule = Callable[[Access, Sequence[Any]], Mapping[Any, str]]


class RowAction(ABC):
    """A change of one row, or of several that were selected in a list.

    `change` runs in the transaction of its log entry, on a locked row, in the state that the user
    saw, to which the action applies.
    """

    #: In URLs, and after the table in the staff log: `users.ban`.
    name: ClassVar[str]
    #: The label of the button: a verb.
    label: ClassVar[str]
    #: What happened, before the row's name: "Banned alice."
    done: ClassVar[str]
    #: What it will do, and what it will not do, in a sentence or two.
    explanation: ClassVar[str]
    #: The permissions that it needs, in addition to `read` of the table: `users.update`.
    permissions: Sequence[str]
    #: The columns that must be unchanged since the page was shown.
    watched: Sequence[str] = ()
    #: The name of the action on the same table that undoes it; empty if there is none.
    undo: ClassVar[str] = ""
    #: The column whose value must be typed first; empty if nothing must be typed.
    typed: str = ""
    #: Whether a row's page has a button for it. An action that only undoes another one has none.
    offered: ClassVar[bool] = True
    #: Whether it can run on a selection.
    in_lists: bool = False
    asks_reason: ClassVar[bool] = True
    #: What forbids it besides the permissions: for rows, key to the reason. It needs as many
    #: queries for many rows as for one, and runs once for all actions of a page that share it.
    rule: RefusalRule | None = None
    #: Whether it asks for a new second-factor code, if nothing must be typed.
    drastic: ClassVar[bool] = False

    def is_drastic(self, rows: int) -> bool:
        """Whether it asks for a new code for this number of rows, if the last one is old."""
        return bool(self.typed) or self.drastic

    def applies(self, row: Any) -> bool:
        """Whether the row is in a state in which the action makes sense."""
        return True

    def refusals(self, access: Access, rows: Sequence[Any]) -> Mapping[Any, str]:
        """For these rows, key to the reason why `rule` forbids it."""
        return self.rule(access, rows) if self.rule else {}

    def why_refused(self, access: Access, row: Any) -> str:
        """Why `rule` forbids it on this row, or ''. Asked once for a row that a page shows."""
        known: dict[Any, str] = row.__dict__.setdefault(_REFUSED, {})
        if self.rule not in known:
            known[self.rule] = self.refusals(access, [row]).get(row.pk, "")
        return known[self.rule]

    def why_pointless(self, access: Access, row: Any) -> str:
        """Why it has nothing to change or to choose from, although it applies; or ''."""
        return ""

    def refuse(self, access: Access, row: Any) -> None:
        """Raise `RefusedError` if a rule forbids it, and `ConflictError` if it is pointless."""
        if why := self.refusals(access, [row]).get(row.pk):
            raise RefusedError(why)
        if why := self.why_pointless(access, row):
            raise ConflictError(why)

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        """The fields of the form, in addition to the reason."""
        return {}

    def state(self, row: Any) -> list[Any]:
        """What must be the same when the change is made as when the page was shown."""
        return [getattr(row, name) for name in self.watched]

    def lock(self, rows: Sequence[Any], alias: str) -> None:  # noqa: B027 - most change one row
        """Lock the other rows that `change` updates, in a fixed order."""

    @abstractmethod
    def change(self, row: Any, work: ChangeContext) -> Change:
        """Make the change. Raises `ConflictError` if the database refuses it."""

    def concerned(self, site: StaffSite, row: Any, query: Mapping[str, str]) -> Sequence[str]:
        """What else it changes, for the confirmation page.

        `query` is the page's query string. Raises `ConflictError` if there is nothing to do.
        """
        return ()

    def answer(self, row: Any, change: Change, work: ChangeContext) -> HttpResponseBase | None:
        """A response after the change, instead of the redirect; None for the redirect."""
        return None

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """The values of the undoing action's form, from the values of the log entry."""
        return {}

    def allowed(self, access: Access) -> bool:
        return all(access.may(*name.split(".")) for name in self.permissions)

    def seen(self, row: Model) -> str:
        """A digest of the row's state, to see later whether it has changed."""
        state = json.dumps([str(value) for value in self.state(row)])
        return hashlib.sha256(state.encode()).hexdigest()[:16]


class SetColumns(RowAction):
    """An action that sets columns: `when` has the old values, `sets` the new ones.

    The values of `sets` may be expressions (`TransactionNow()`, `F("token_version") + 1`).
    """

    when: ClassVar[Mapping[str, Any]] = {}
    sets: ClassVar[Mapping[str, Any]] = {}

    def applies(self, row: Any) -> bool:
        return all(getattr(row, name) == value for name, value in self.when.items())

    def state(self, row: Any) -> list[Any]:
        return [getattr(row, name) for name in (*self.when, *self.watched)]

    def values(self, work: ChangeContext) -> Mapping[str, Any]:
        """Column to new value."""
        return self.sets

    def change(self, row: Any, work: ChangeContext) -> Change:
        values = self.values(work)
        before = {name: getattr(row, name) for name in values}
        model = type(row)
        alias = router.db_for_write(model)
        model._base_manager.using(alias).filter(pk=row.pk).update(**values)
        row.refresh_from_db(using=alias, fields=[*values])
        after = {name: getattr(row, name) for name in values}
        changed = [name for name in values if before[name] != after[name]]
        return Change(
            {name: before[name] for name in changed}, {name: after[name] for name in changed}
        )


def single_spaced(text: str) -> str:
    """Text as a page shows it: several spaces become one."""
    return " ".join(text.split())


def short(row: Any) -> str:
    """The name of a row on these pages: a text of several lines becomes one line."""
    name = str(row)
    if len(name.splitlines()) > 1:
        name = single_spaced(name)
    return name_text(shortened(name or str(row.pk)[:8], MAX_NAME_LENGTH))
