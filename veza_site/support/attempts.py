"""Limits attempts. They are counted in the database, so for all processes and machines together.

Answers depend on what was typed, never on the account. A name has a count for each network, and one
over all networks, whose pause grows. A network has one count over all names. The account has the
same two counts over all of its names. Their pauses are silent: every password is then answered as a
wrong one, so that no answer shows which names belong to one account.

An attempt is counted before it is made. If it succeeds, its count is taken back. So concurrent
attempts do not get more tries than attempts one after another. All attempts at names are counted
one after another: if only those at one account waited for each other, the time would show which
names belong to one account. During a pause nothing is counted, so an attempt does not prolong the
pause. All times are the database's, so the clocks of machines may differ.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, Expression, Func, QuerySet
from psycopg import errors

from veza_site.models import AttemptCount, HashingSlot
from veza_site.support.bounds import Bound, hash_of_name, keyed_hash

#: The maximum number of rows. Beyond that, the oldest are deleted early.
MOST_ROWS = 1_000_000

#: The maximum number of rows that one attempt deletes. It adds at most six.
CLEANED = 100

#: The current time, not the transaction's, which may have waited for others.
CLOCK: Expression = Func(function="clock_timestamp", output_field=DateTimeField())

#: The `HashingSlot` that is locked while an attempt at a name is counted. Hashing does not use it.
TURN = 0

CLEAN_UP = """
    DELETE FROM django.veza_site_attemptcount WHERE id IN (
        SELECT id FROM django.veza_site_attemptcount WHERE expires_at <= %s
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
CUT = """
    DELETE FROM django.veza_site_attemptcount WHERE id IN (
        SELECT id FROM django.veza_site_attemptcount
        WHERE id <= (SELECT max(id) FROM django.veza_site_attemptcount) - %s
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class BusyError(Exception):
    """Too many attempts at the same time: the client must try again."""


class PausedError(Exception):
    """There were too many attempts. `kind` is what was counted, `seconds` the time until the
    next one.
    """

    def __init__(self, kind: str, seconds: int) -> None:
        super().__init__(f"{kind}: {seconds} s")
        self.kind = kind
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt. `silent` is the kind of a silent pause of the account, or empty."""

    bounds: list[Bound]
    silent: str = ""

    @contextmanager
    def unless_busy(self) -> Iterator[None]:
        """Take the count back if the block raises `BusyError`, because the attempt was not made."""
        try:
            yield
        except BusyError:
            self.take_back(succeeded=False)
            raise

    def take_back(self, *, succeeded: bool) -> None:
        """Take back the count of an attempt that succeeded or was not made.

        If a limit of the role stops this, the attempt stays counted, and its client is not delayed.
        """
        try:
            self._take_back(succeeded=succeeded)
        except OperationalError as error:
            if not _is_limit(error):
                raise

    def _take_back(self, *, succeeded: bool) -> None:
        bounds = {bound.key: bound for bound in self.bounds}
        # A successful attempt does not wait for all others.
        with transaction.atomic() if succeeded else _one_after_the_other(self.bounds):
            counts = list(_locked(bounds))
            for count in counts:
                bound = bounds[count.key]
                count.failures = max(0, count.failures - 1)
                if succeeded and bound.is_cleared:
                    count.failures = 0
                # There was no pause when it was made.
                count.free_at = count.last_at
            AttemptCount.objects.bulk_update(counts, ["failures", "free_at"])


def _is_limit(error: OperationalError) -> bool:
    """Whether a limit of the role ended a statement: `lock_timeout` or `statement_timeout`."""
    return isinstance(error.__cause__, (errors.LockNotAvailable, errors.QueryCanceled))


def count(bounds: list[Bound]) -> Attempt:
    """Count an attempt. Raises `PausedError`, with nothing counted.

    A silent pause raises no error: see `Attempt.silent`. Raises `BusyError` if a limit of the role
    stops this attempt, because many clients use the same name.
    """
    try:
        return _count(bounds)
    except OperationalError as error:
        if _is_limit(error):
            raise BusyError from error
        raise


def _count(bounds: list[Bound]) -> Attempt:
    by_key = {bound.key: bound for bound in sorted(bounds, key=lambda bound: bound.key)}
    announced = [key for key, bound in by_key.items() if not bound.is_silent]
    # During a pause, each further attempt costs only one query.
    _longest_pause(AttemptCount.objects.filter(key__in=announced).annotate(now=CLOCK), by_key)
    with _one_after_the_other(bounds):
        # All of these rows, new or old, are now locked until the end.
        AttemptCount.objects.bulk_create(
            [
                AttemptCount(key=key, kind=bound.kind, name=bound.name, network=bound.network)
                for key, bound in by_key.items()
            ],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["kind"],
        )
        counts = list(_locked(by_key).annotate(now=CLOCK))
        now = counts[0].now
        silent = _longest_pause(counts, by_key)
        if silent:
            # This attempt does not prolong the pause either.
            counts = [count for count in counts if count.key in announced]
        for count in counts:
            bound = by_key[count.key]
            count.failures = 1 if count.expires_at <= now else count.failures + 1
            count.last_at = now
            count.free_at = bound.free_at(count.failures, now)
            count.expires_at = max(count.free_at, now + timedelta(seconds=bound.memory))
        AttemptCount.objects.bulk_update(counts, ["failures", "last_at", "free_at", "expires_at"])
    _clean_up(now)
    return Attempt([by_key[count.key] for count in counts], silent)


@contextmanager
def _one_after_the_other(bounds: Iterable[Bound]) -> Iterator[None]:
    """A transaction. Attempts at names run one at a time. Known browsers and codes do not wait."""
    with transaction.atomic():
        if any(bound.is_silent for bound in bounds):
            turn = HashingSlot.objects.select_for_update().filter(number=TURN)
            if not len(turn):
                HashingSlot.objects.bulk_create([HashingSlot(number=TURN)], ignore_conflicts=True)
                len(turn.all())
        yield


def _longest_pause(counts: Iterable[Any], bounds: dict[str, Bound]) -> str:
    """The kind of the longest pause that is not over at the row's `now`; empty if there is none.

    Raises `PausedError` if one of them is not silent.
    """
    paused = sorted(
        (
            count
            for count in counts
            if count.failures >= bounds[count.key].limit and count.free_at > count.now
        ),
        key=lambda count: count.free_at,
    )
    announced = [count for count in paused if not bounds[count.key].is_silent]
    if announced:
        left = announced[-1].free_at - announced[-1].now
        raise PausedError(announced[-1].kind, ceil(left.total_seconds()))
    return paused[-1].kind if paused else ""


def forget_names(*names: str) -> int:
    """End the pauses of these names, or of accounts' keys; return how many there were."""
    hashes = [*map(hash_of_name, names), *map(keyed_hash, names)]
    return AttemptCount.objects.filter(name__in=hashes).delete()[0]


def forget_networks(*networks: str) -> int:
    """End the pauses of these networks; return how many there were."""
    return AttemptCount.objects.filter(network__in=networks).delete()[0]


def _locked(keys: Iterable[str]) -> QuerySet[AttemptCount]:
    """Lock the counts of these keys, in a fixed order, so that two attempts do not deadlock."""
    return AttemptCount.objects.select_for_update().filter(key__in=list(keys)).order_by("key")


def _clean_up(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CLEAN_UP, [now, CLEANED])
        # Ids only grow, so at most this many rows have higher ids.
        cursor.execute(CUT, [MOST_ROWS, CLEANED])
