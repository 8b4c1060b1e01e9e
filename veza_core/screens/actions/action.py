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

from ..errors import HelpfulError
from ..site import StaffSite


class RefusedError(HelpfulError):
    """An action that its rules forbid to who asks, whatever their permissions."""

    status = 403
    title = "Not allowed"


class ConflictError(HelpfulError):
    """A row is no longer as it was seen, or as the action needs it."""

    status = 409
    title = "Not changed"


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed, for the staff log: column to value, only what differs."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row on which the action is not taken."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a change is done with."""

    request: StaffRequest
    #: The admin's site, for `add_note`.
    site: StaffSite
    #: What was filled in, beside the reason.
    values: Mapping[str, Any]
    #: Why it is done; empty where nobody is asked.
    reason: str = ""

    @property
    def access(self) -> Access:
        """Who does it."""
        return self.request.access


#: Of rows, key to why somebody may not act on them.
type Rule = Callable[[Access, Sequence[Any]], Mapping[Any, str]]


class RowAction(ABC):
    """A change of one row, or of several that were selected in a list.

    `change` runs in the transaction of its log entry, on a row that is locked, in the state that
    the user saw, and to which the action applies.
    """

    #: In addresses, and after the table in the staff log: `users.ban`.
    name: ClassVar[str]
    #: On the button: a verb.
    label: ClassVar[str]
    #: What happened, before the row's name: "Banned alice."
    done: ClassVar[str]
    #: What will happen, and what it does not do, in a sentence or two.
    explanation: ClassVar[str]
    #: All of them are needed, beside `read` of the table; in the form `users.update`.
    permissions: Sequence[str]
    #: The columns that have to be as they were seen.
    watched: Sequence[str] = ()
    #: The name of the action, on the same table, that takes it back. Empty: nothing does.
    undo: ClassVar[str] = ""
    #: The column whose value has to be typed first. Empty: nothing has to be.
    typed: str = ""
    #: Whether a row's page has a button for it: not for what only takes another action back.
    offered: ClassVar[bool] = True
    #: Whether it can be done to a selection.
    in_lists: bool = False
    asks_reason: ClassVar[bool] = True
    #: What forbids it beside the permissions: of rows, key to why. It asks tables as often for many
    #: rows as for one, and once for all actions of a page that share it.
    rule: Rule | None = None
    #: Whether the second factor is asked for again, where nothing has to be typed first.
    drastic: ClassVar[bool] = False

    def is_drastic(self, rows: int) -> bool:
        """Whether doing it to so many rows asks for the second factor again, if it is old."""
        return bool(self.typed) or self.drastic

    def applies(self, row: Any) -> bool:
        """Whether the row is in a state in which the action means something."""
        return True

    def refusals(self, access: Access, rows: Sequence[Any]) -> Mapping[Any, str]:
        """Of these rows, key to why `rule` forbids it."""
        return self.rule(access, rows) if self.rule else {}

    def no_choice(self, access: Access, row: Any) -> str:
        """Why there is nothing to choose from in the form; empty: there is. May ask tables."""
        return ""

    def refuse(self, access: Access, row: Any) -> None:
        """Raise `RefusedError` when a rule beside the permissions forbids it."""
        if why := self.refusals(access, [row]).get(row.pk) or self.no_choice(access, row):
            raise RefusedError(why)

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        """What has to be filled in beside the reason."""
        return {}

    def state(self, row: Any) -> list[Any]:
        """What has to be the same when the change is made as when the page was shown."""
        return [getattr(row, name) for name in self.watched]

    def lock(self, rows: Sequence[Any], alias: str) -> None:  # noqa: B027 - most change one row
        """Lock, in one order, what `change` updates of other rows."""

    @abstractmethod
    def change(self, row: Any, work: Work) -> Change:
        """Make the change. Raises `ConflictError` when the database refuses it."""

    def concerned(self, site: StaffSite, row: Any, query: Mapping[str, str]) -> Sequence[str]:
        """What else it changes, for the page that asks. `query` is what the page was asked with.

        Raises `ConflictError` when there is nothing to do.
        """
        return ()

    def answer(self, row: Any, change: Change, work: Work) -> HttpResponseBase | None:
        """What is sent when the change is made, in place of the way back; None: nothing."""
        return None

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """With what the form of the undoing action is filled in; takes what the log has."""
        return {}

    def allowed(self, access: Access) -> bool:
        """Whether somebody holds the permissions."""
        return all(access.may(*name.split(".")) for name in self.permissions)

    def seen(self, row: Model) -> str:
        """A digest of the row's state, to tell later whether it is still the same."""
        state = json.dumps([str(value) for value in self.state(row)])
        return hashlib.sha256(state.encode()).hexdigest()[:16]


class SetColumns(RowAction):
    """An action that sets columns: `when` says from which values, `sets` to which.

    The values of `sets` may be expressions (`TransactionNow()`, `F("token_version") + 1`).
    """

    when: ClassVar[Mapping[str, Any]] = {}
    sets: ClassVar[Mapping[str, Any]] = {}

    def applies(self, row: Any) -> bool:
        return all(getattr(row, name) == value for name, value in self.when.items())

    def state(self, row: Any) -> list[Any]:
        return [getattr(row, name) for name in (*self.when, *self.watched)]

    def values(self, work: Work) -> Mapping[str, Any]:
        """Column to new value."""
        return self.sets

    def change(self, row: Any, work: Work) -> Change:
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
