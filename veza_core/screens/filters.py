"""The filters of a list for its template: links, chips and small forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import ForeignKey, Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest

from .columns import heading, show
from .display import short_id
from .labels import link_to, may_read
from .periods import PRESET_LABELS, PRESETS

if TYPE_CHECKING:
    from .changelist import KeysetChangeList


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


@dataclass(frozen=True, slots=True)
class KeyForm:
    """A text field for a key: an id, or a column's complete value."""

    name: str
    label: str


def groups(changes: "KeysetChangeList") -> Iterator[FilterGroup]:
    """The filters by state, then the range of dates."""
    listing = changes.listing
    for state in changes.screen.states:
        chosen = listing.options.get(state.name)
        yield FilterGroup(
            state.label,
            [
                FilterLink("All", changes.link(**{state.name: None}), chosen is None),
                *(
                    FilterLink(option.label, changes.link(**{state.name: option.value}),
                           option is chosen)
                    for option in state.options
                ),
            ],
            chosen=chosen.label if chosen else "",
        )  # fmt: skip
    yield _dates(changes)


def _dates(changes: "KeysetChangeList") -> FilterGroup:
    chosen = changes.listing.range
    no_dates: dict[str, str | None] = {"range": None, "since": None, "until": None}
    return FilterGroup(
        changes.date_heading,
        [
            FilterLink("Any time", changes.link(**no_dates), not chosen),
            *(
                FilterLink(PRESET_LABELS[preset], changes.link(**{**no_dates, "range": preset}),
                       chosen.get("range") == preset)
                for preset in PRESETS
            ),
        ],
        is_dates=True,
        chosen=_range_chosen(chosen),
    )  # fmt: skip


def _range_chosen(chosen: dict[str, str]) -> str:
    """A range of dates in words."""
    if "range" in chosen:
        return PRESET_LABELS[chosen["range"]]
    words = {"since": "from", "until": "up to"}
    return " ".join(f"{words[name]} {chosen[name]}" for name in words if name in chosen)


def probe(changes: "KeysetChangeList") -> Model:
    """An unsaved row with the keys that filter the list, to be labelled."""
    model: type[Model] = changes.model
    keys: dict[str, Any] = {
        model._meta.get_field(name).attname: value  # type: ignore[union-attr]
        for name, value in changes.listing.keys.items()
    }
    return model(**keys)


def chips(changes: "KeysetChangeList", request: StaffRequest, labelled: Model) -> Iterator[Chip]:
    """The keys that filter the list; `labelled` is the `probe`, with links."""
    for name in changes.listing.keys:
        field: Any = labelled._meta.get_field(name)
        yield Chip(heading(field), show(field, labelled), changes.link(**{name: None}))
    for one in changes.screen.criteria:
        if one.name in changes.listing.criteria:
            value = _shown(changes, request, one.model, changes.listing.criteria[one.name])
            yield Chip(one.label, value, changes.link(**{one.name: None}))


def _shown(
    changes: "KeysetChangeList", request: StaffRequest, model: type[Model] | None, value: Any
) -> SafeString:
    """The value of a criterion; a key is shown by its name."""
    if model is None:
        return format_html("<code>{}</code>", value)
    if not may_read(request, model):
        return short_id(value)
    site, alias = changes.model_admin.admin_site, changes.model_admin.read_alias
    return link_to(site, alias, model, value)


def key_forms(changes: "KeysetChangeList") -> Iterator[KeyForm]:
    """A field for each key that does not filter the list yet."""
    for name in changes.screen.keys:
        if name not in changes.listing.keys:
            field: Any = changes.model._meta.get_field(name)
            label = heading(field)
            yield KeyForm(name, f"{label} ID" if isinstance(field, ForeignKey) else label)
    for one in changes.screen.criteria:
        if one.name not in changes.listing.criteria:
            yield KeyForm(one.name, one.label)
