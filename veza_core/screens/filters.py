"""The filters of a list for its template: links, chips and small forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import ForeignKey, Model
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from .base import BaseScreen
from .columns import heading, show
from .display import short_id
from .labels import link_to, may_read
from .listing import Listing, ListParameters
from .periods import PRESETS


@dataclass(frozen=True, slots=True)
class FilterLink:
    """A link that filters the list."""

    label: str
    url: str
    selected: bool


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """The choices of a filter."""

    title: str
    choices: list[FilterLink]
    #: Whether it is the range of dates, which also has forms.
    is_dates: bool = False
    #: The current choice; empty: all.
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A key that filters the list, and the link that removes it."""

    label: str
    value: SafeString
    url: str


class FilteredList(ChangeList):
    """A list and its filters, for the template."""

    model_admin: BaseScreen
    parameters: ListParameters
    listing: Listing
    chips: list[Chip]

    def link(self, **changes: str | None) -> str:
        """The list's URL with its filters and these changes; None removes a filter.

        It leads to the first page.
        """
        given = self.filled | changes
        return "?" + urlencode({name: value for name, value in given.items() if value is not None})

    @cached_property
    def filled(self) -> dict[str, str]:
        """What a form must contain to keep the active filters."""
        listing = self.listing
        given = {name: str(value) for name, value in listing.keys.items()} | listing.range
        given |= {name: option.value for name, option in listing.options.items()}
        given |= listing.criteria
        return given | ({"order": "reversed"} if self.is_reversed else {})

    @property
    def is_reversed(self) -> bool:
        return "order" in self.params

    @cached_property
    def groups(self) -> list[FilterGroup]:
        """The filters by state, then the range of dates."""
        groups = []
        for state in self.parameters.states:
            chosen = self.listing.options.get(state.name)
            links = [
                FilterLink(option.label, self.link(**{state.name: option.value}), option is chosen)
                for option in state.options
            ]
            every = FilterLink("All", self.link(**{state.name: None}), chosen is None)
            chosen_label = chosen.label if chosen else ""
            groups.append(FilterGroup(state.label, [every, *links], chosen=chosen_label))
        return [*groups, self._dates()]

    def _dates(self) -> FilterGroup:
        chosen = self.listing.range
        time: Any = self.opts.get_field(self.listing.time)
        no_dates: dict[str, str | None] = {"range": None, "since": None, "until": None}
        return FilterGroup(
            heading(time),
            [
                FilterLink("Any time", self.link(**no_dates), not chosen),
                *(
                    FilterLink(label, self.link(**{**no_dates, "range": preset}),
                               chosen.get("range") == preset)
                    for preset, (_, label) in PRESETS.items()
                ),
            ],
            is_dates=True,
            chosen=_range_chosen(chosen),
        )  # fmt: skip

    @cached_property
    def active_filters(self) -> list[SafeString]:
        typed = [(chip.label, chip.value) for chip in self.chips]
        chosen = [(group.title, group.chosen) for group in self.groups if group.chosen]
        return [format_html("{}: {}", *one) for one in (*typed, *chosen)]

    @cached_property
    def key_forms(self) -> list[tuple[str, str]]:
        """The name and label of each key and criterion that does not filter the list yet."""
        forms = []
        for name in self.parameters.keys:
            if name not in self.listing.keys:
                field: Any = self.model._meta.get_field(name)
                label = heading(field)
                label = f"{label} ID" if isinstance(field, ForeignKey) else label
                forms.append((name, label))
        return forms + [
            (one.name, one.label)
            for one in self.parameters.criteria
            if one.name not in self.listing.criteria
        ]

    def hints(self) -> list[str]:
        given = self.listing.criteria
        return [one.hint for one in self.parameters.criteria if one.hint and one.name in given]

    def key_row(self) -> Model:
        """An unsaved row with the keys that filter the list, to be labelled."""
        return self.model(**{
            self.opts.get_field(name).attname: value  # type: ignore[union-attr]
            for name, value in self.listing.keys.items()
        })  # fmt: skip

    def _chips(self, request: StaffRequest, labelled: Model) -> Iterator[Chip]:
        """The keys that filter the list; `labelled` is the `key_row`, with links."""
        for name in self.listing.keys:
            field: Any = labelled._meta.get_field(name)
            yield Chip(heading(field), show(field, labelled), self.link(**{name: None}))
        for one in self.parameters.criteria:
            if one.name in self.listing.criteria:
                value = self._value(request, one.model, self.listing.criteria[one.name])
                yield Chip(one.label, value, self.link(**{one.name: None}))

    def _value(self, request: StaffRequest, model: type[Model] | None, value: Any) -> SafeString:
        """The value of a criterion; a key is shown by its name."""
        if model is None:
            return format_html("<code>{}</code>", value)
        if not may_read(request, model):
            return short_id(value)
        return link_to(self.model_admin.admin_site, model, value)


def _range_chosen(chosen: dict[str, str]) -> str:
    if "range" in chosen:
        return PRESETS[chosen["range"]][1]
    words = {"since": "from", "until": "up to"}
    return " ".join(f"{words[name]} {chosen[name]}" for name in words if name in chosen)
