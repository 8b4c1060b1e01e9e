"""The parameters of a list: the query string, read strictly, and the index that serves it.

Nothing else in a query string has a meaning. In particular, it never names a column or a lookup
(`password__startswith`), so that nobody can guess a column letter by letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.models import ForeignKey, Model, Q
from django.http import QueryDict
from django.utils.http import urlencode

from veza_core.models import User
from veza_core.screens.periods import PAGING, choice_in, place_in, range_in, within_range

from . import lookups as lookups
from .display import AnyField
from .errors import HelpfulError
from .order import FIRST, Order, Place
from .states import UNSORTED, Criterion, Option, State

#: The query string's own names, in addition to those of keys and states.
LIST_PARAMETERS = ("range", "since", "until", "order", *PAGING)

#: The longest value in a query string.
MAX_VALUE_LENGTH = 255


@dataclass(frozen=True, slots=True)
class ListParameters:
    """The allowed parameters of a list; each key and state has the order of its index."""

    model: type[Model]
    order: str
    keys: Mapping[str, str]
    states: Sequence[State]
    #: The state that the index of `order` begins with, if there is one: its ranges are merged.
    merged: str = ""
    criteria: Sequence[Criterion] = ()
    #: The database from which criteria read.
    alias: str = DEFAULT_DB_ALIAS
    #: Whether the filters may find users by name. If not, nobody can guess who has an account.
    finds_users: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """A valid request for a list, and how it is answered."""

    order: Order
    #: False: an index finds the rows of `driver`, but does not sort them.
    sorted: bool
    #: The conditions that the index serves.
    driver: Q
    #: The conditions without an index, applied to rows that the driver found.
    condition: Q | None
    place: Place = FIRST
    #: The ranges of the index that are merged: see `keyset.first_of`.
    branches: tuple[Q, ...] = ()
    #: The range of times, if the order is by time; otherwise it is in `condition`.
    bounds: Q = field(default_factory=Q)
    #: The filters of the query string, without the parameters for pages.
    keys: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Option] = field(default_factory=dict)
    criteria: dict[str, Any] = field(default_factory=dict)
    range: dict[str, str] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """The column that dates filter: the order's own, or the time when rows were created."""
        return self.order.column if self.order.by_time else "created_at"


def query_of(parameters: ListParameters, form: QueryDict) -> str:
    """The query string for the filters of a form, with keys instead of users' names."""
    listing = read(parameters, form, is_posted=True)
    values = {**listing.keys, **listing.criteria}
    given = {name: str(value) for name, value in form.items() if value}
    return urlencode(given | {name: str(value) for name, value in values.items()})


def read(parameters: ListParameters, query: QueryDict, *, is_posted: bool = False) -> Listing:
    """Read a list's query string, or a posted form with the same parameters.

    Raises `HelpfulError` for unknown or malformed parameters.
    """
    given = _only_known(parameters, query)
    for name in of_users(parameters):
        if name in given:
            _check_user_name(parameters, given[name], is_posted=is_posted)
    keys = {name: _key(parameters, name, given[name]) for name in parameters.keys if name in given}
    options = {state.name: _option(state, given[state.name])
               for state in parameters.states if state.name in given}  # fmt: skip
    criteria = {one.name: one.read(given[one.name])
                for one in parameters.criteria if one.name in given}  # fmt: skip
    listing = _driven(parameters, keys, options, criteria)
    reverse = choice_in(given, "order", ["reversed"]) and listing.sorted
    order = listing.order.reversed() if reverse else listing.order
    listing = replace(
        listing,
        order=order,
        keys=keys,
        options=options,
        criteria=criteria,
        place=place_in(order, given),
        range={name: given[name] for name in ("range", "since", "until") if name in given},
    )
    return _within(listing, within_range(listing.time, *range_in(given)))


def _only_known(parameters: ListParameters, query: QueryDict) -> dict[str, str]:
    """The query string as a dictionary: each name known, and only once."""
    known = {*parameters.keys, *LIST_PARAMETERS}
    known |= {state.name for state in parameters.states} | {one.name for one in parameters.criteria}
    for name, values in query.lists():
        if name not in known:
            raise HelpfulError(f"This list has no filter “{name[:40]}”.")
        if len(values) > 1:
            raise HelpfulError(f"“{name}” appears more than once.")
        if len(values[0]) > MAX_VALUE_LENGTH or "\0" in values[0]:
            raise HelpfulError(
                f"The value of “{name}” is too long, or contains control characters."
            )
    # An empty value is an empty field of a form.
    return {name: str(value) for name, value in query.items() if value}


def _key(parameters: ListParameters, name: str, value: str) -> Any:
    column: AnyField = parameters.model._meta.get_field(name)  # type: ignore[assignment]
    target = column.target_field if isinstance(column, ForeignKey) else column
    if name in of_users(parameters) and (named := user_named(value)):
        return named
    try:
        known = target.to_python(value)
        # Rules that some fields do not check: that the text is an IP address.
        target.run_validators(known)
        return known
    except (ValidationError, ValueError) as error:
        raise HelpfulError(f"“{value[:40]}” is not a valid {column.verbose_name}.") from error


def of_users(parameters: ListParameters) -> set[str]:
    """The parameters whose values are users."""
    # Also columns without a foreign key that the model declares as users' keys.
    declared = {*getattr(parameters.model, "about_users", ())} & {*parameters.keys}
    fields = {name: parameters.model._meta.get_field(name) for name in parameters.keys}
    keys = {name for name, field in fields.items() if field.related_model is User}
    return keys | declared | {one.name for one in parameters.criteria if one.model is User}


def _check_user_name(parameters: ListParameters, value: str, *, is_posted: bool) -> None:
    """Raise `HelpfulError` for a user's name that cannot be used here; an ID can."""
    if is_uuid(value):
        return
    if not parameters.finds_users:
        raise HelpfulError("Give the ID of the user. To find users by name, you need users.read.")
    # Browsers and servers store addresses.
    if "@" in value and not is_posted:
        raise HelpfulError("Type the e-mail into the filter: a page's address must not contain it.")


def is_uuid(value: str) -> bool:
    """Whether a text is an ID."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def user_named(value: str) -> Any:
    """The key of the live user with this name or e-mail, from an index.

    None for an ID. Raises `HelpfulError` if there is no such user.
    """
    if is_uuid(value):
        return None
    users = User.objects.using(DEFAULT_DB_ALIAS)
    column = {"email": value.lower()} if "@" in value else {"username__iexact": value}
    pk = users.filter(**column).values_list("pk", flat=True).first()
    if pk is None:
        raise HelpfulError(f"There is no user “{value[:40]}”. Give a username, an e-mail or an ID.")
    return pk


def user_of(value: str) -> UUID:
    """The key of a user, by any name. Raises `HelpfulError` if there is none."""
    found: UUID = user_named(value) or UUID(value)
    return found


def _option(state: State, value: str) -> Option:
    option = state.option(value)
    if option is None:
        known = ", ".join(option.value for option in state.options)
        raise HelpfulError(
            f"“{value[:40]}” is not a value of “{state.label}”; the values are {known}."
        )
    return option


def _driven(
    parameters: ListParameters,
    keys: dict[str, Any],
    options: dict[str, Option],
    criteria: dict[str, Any],
) -> Listing:
    """Choose the index, and use the other filters as the condition.

    A key comes first, because a user or a track has few rows; then a state that an index finds;
    otherwise all rows, in the screen's order.
    """
    # For each: its rows, the order of the index that finds them, and what this index begins with.
    filters: dict[str, tuple[Q, str | None, str]] = {
        name: (Q(**{f"{name}__any_of": value}), parameters.keys[name], name)
        for name, value in keys.items()
    }
    filters |= {name: (one.where, one.order, one.key) for name, one in options.items()}
    for one in parameters.criteria:
        if one.name in criteria:
            where = one.where(criteria[one.name], parameters.alias)
            filters[one.name] = (where, one.order, one.key)
    # Those whose index sorts come first; otherwise keys do.
    indexed = {name: order for name, (_, order, _) in filters.items() if order is not None}
    name = min(indexed, key=lambda name: indexed[name] == UNSORTED, default=None)
    branches: tuple[Q, ...] = ()
    if name is None:
        driver, order = Q(), parameters.order
        merged = [state for state in parameters.states if state.name == parameters.merged]
        branches = tuple(option.where for state in merged for option in state.options)
        key = parameters.merged if branches else ""
    else:
        driver, _, key = filters.pop(name)
        order = indexed[name]
    for other, option in options.items():
        if name in option.with_keys:
            driver &= filters.pop(other)[0]
    rest = [where for where, _, _ in filters.values()]
    return Listing(
        Order.parse(parameters.model, order or "-created_at", key),
        order != UNSORTED,
        driver,
        reduce(and_, rest) if rest else None,
        branches=branches,
    )


def _within(listing: Listing, bounds: Q) -> Listing:
    """The listing with a range of times: by its index, or applied to rows that the index found.

    The latter are lists in another order: of a playlist, of names or of ids.
    """
    if not bounds or listing.order.by_time:
        return replace(listing, bounds=bounds)
    return replace(listing, condition=bounds & (listing.condition or Q()))
