"""The actions on a page: those on a row, the forbidden ones with reasons, those of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.options import Action, ActionLocation

from veza_core.access import StaffRequest

from ..base import BaseScreen
from .action import RowAction
from .addresses import action_url
from .perform import may
from .selection import chosen

#: The number of actions on the page itself; the rest are under "More".
IN_VIEW = 3


@dataclass(frozen=True, slots=True)
class Buttons:
    """The actions on a row for which the user has the permissions."""

    #: Each with its URL, frequent ones first.
    offered: Sequence[tuple[RowAction, str]]
    #: Reason to the labels of the forbidden actions.
    refused: Mapping[str, Sequence[str]]

    @property
    def first(self) -> Sequence[tuple[RowAction, str]]:
        """Those on the page itself."""
        return self.offered if len(self.offered) <= IN_VIEW + 1 else self.offered[:IN_VIEW]

    @property
    def more(self) -> Sequence[tuple[RowAction, str]]:
        """Those under "More"."""
        return self.offered[len(self.first) :]


def buttons(screen: BaseScreen, request: StaffRequest, row: Any) -> Buttons:
    """The actions that apply to a row in its current state; checks each rule once."""
    offered: list[tuple[RowAction, str]] = []
    refused: dict[str, list[str]] = {}
    for action in screen.row_actions:
        if not (action.offered and may(screen, request, action) and action.applies(row)):
            continue
        if why := action.why_refused(request.access, row):
            refused.setdefault(why, []).append(action.label)
        elif not action.why_pointless(request.access, row):
            offered.append((action, action_url(screen.model, row.pk, action.name)))
    places = {name: place for place, name in enumerate(screen.frequent_actions)}
    offered.sort(key=lambda each: places.get(each[0].name, len(places)))
    return Buttons(offered, refused)


def list_actions(screen: BaseScreen, request: StaffRequest) -> dict[str, Action]:
    """For Django's choice of an action above a list. `chosen` gets what was chosen."""
    return {
        action.name: Action(chosen, action.name, action.label, action.label,
                            [ActionLocation.CHANGE_LIST])
        for action in screen.row_actions
        if action.in_lists and may(screen, request, action)
    }  # fmt: skip
