"""Finds the set of demo data for the options, and its rows that must be loaded."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.counted import listed

from .counts import Counts
from .load import Missing, all_chunks, count_rows, missing_chunks, system_roles, tables_with_rows
from .people import SYSTEM_ROLES
from .world import ImpossibleError, World

UNCHANGED = "Nothing was changed."
#: The maximum number of tables that a message names.
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """A set, and its rows that are not in the database yet."""

    world: World
    missing: Missing

    @property
    def rows(self) -> int:
        return count_rows(all_chunks(self.world))

    @property
    def rows_missing(self) -> int:
        return count_rows(self.missing)


def make_plan(
    connection: BaseDatabaseWrapper, seed: int, now: datetime, counts: Counts, *, append: bool
) -> SeedPlan:
    """Find the set to load or to continue.

    It is the set of these options or, with `append`, the next free one. Raises `CommandError` if
    none can be loaded, because there are other rows, or the set exists.
    """
    roles = system_roles(connection)
    if len(roles) < len(SYSTEM_ROLES):
        raise CommandError(
            f"the system roles {', '.join(SYSTEM_ROLES)} are not all in table roles: "
            "the migrations insert them; insert them again, or run manage.py reset_db"
        )

    def plan(addition: int) -> SeedPlan:
        world = World(seed, now, counts, roles, addition)
        return SeedPlan(world, missing_chunks(connection, world))

    try:
        if append:
            return next(found for number in count(1) if (found := plan(number)).rows_missing)
        return _first_set(connection, plan(0))
    except ImpossibleError as error:
        raise CommandError(f"{error}. {UNCHANGED}") from error


def _first_set(connection: BaseDatabaseWrapper, plan: SeedPlan) -> SeedPlan:
    if not plan.rows_missing:
        raise CommandError(
            f"all rows of this set are there already: --append adds another one. {UNCHANGED}"
        )
    if plan.rows_missing == plan.rows and (tables := tables_with_rows(connection)):
        raise CommandError(
            f"{listed(tables, MAX_NAMED)} contain rows that are not of this set: --append adds to "
            "them. To continue an unfinished run, repeat its options, --now included. " + UNCHANGED
        )
    return plan
