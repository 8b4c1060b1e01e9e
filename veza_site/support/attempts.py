"""How often somebody may try: counted in the database, so for all processes and machines at once.

Answers depend on what was typed, never on whose account it is. A name has a count for each
network, and one over all networks whose pause grows; a network has one over all names. The account
has the same two counts over all of its names. They are silent: while one of them pauses, every
password is answered as a wrong one, so that no answer tells which names are of one account. A
browser that signed in to the account before (`veza_site.support.devices`) has a count of its own,
and no other, so that no stranger shuts the owner out. Codes of the second factor are counted for
each account, and such a browser alone.

An attempt is counted before it is made, and taken back when it succeeds: of many at once no more
pass than of one after the other. All attempts at names are counted one after the other: if only
those at one account waited for each other, their time would tell which names are of one. While a
pause lasts nothing is counted: trying does not prolong it. All times are the database's, so that
machines whose clocks differ count alike.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, Expression, Func, QuerySet
from django.utils.crypto import salted_hmac
from psycopg import errors

from veza_site.models import AttemptCount, HashingSlot

DAY = 24 * 3600

#: Codes that may be wrong before there is a pause.
CODES = 3

#: How often a site (/48) may fail, beside a home (/64).
SITE_TIMES = 4

#: Rows that are kept at most: beyond, the oldest are deleted before their time.
MOST_ROWS = 1_000_000

#: Rows that one attempt deletes at most; it adds six.
CLEANED = 100

#: What time it is: not of the transaction, which may have waited for others.
CLOCK: Expression = Func(function="clock_timestamp", output_field=DateTimeField())

#: The `HashingSlot` that is held while an attempt at a name is counted; for hashing it is none.
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
    """So many try at once that this one has to come again."""


class PausedError(Exception):
    """It was tried too often. `kind` says what was counted, `seconds` when to try again."""

    def __init__(self, kind: str, seconds: int) -> None:
        super().__init__(f"{kind}: {seconds} s")
        self.kind = kind
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Bound:
    """From the `limit`th failure on, each is followed by a pause, twice as long as the one before.

    All times are in seconds. `memory`: how long a failure is remembered at least.
    """

    kind: str
    limit: int
    pause: int
    longest: int
    memory: int
    name: str = ""
    network: str = ""
    #: Whether a success clears the count; otherwise it takes back its own attempt alone.
    is_cleared: bool = False
    #: Whether its pause is not told: the attempt fails, as if the password were wrong.
    is_silent: bool = False

    @property
    def key(self) -> str:
        """Under which it is counted."""
        return keyed_hash("\0".join((self.kind, self.name, self.network)))

    def free_at(self, failures: int, last_at: datetime) -> datetime:
        """When the next attempt may be made."""
        if failures < self.limit:
            return last_at
        # Beyond 2^30 s no pause is longer than the longest.
        pause = min(self.longest, self.pause * 2 ** min(failures - self.limit, 30))
        return last_at + timedelta(seconds=pause)


def keyed_hash(text: str) -> str:
    """What stands for a text, so that nobody without SECRET_KEY can tell which it was."""
    return salted_hmac(__name__, text, algorithm="sha256").hexdigest()


def hash_of_name(name: str) -> str:
    """Under which a typed name is counted: one hash for all spellings that find one account.

    PostgreSQL compares usernames by `upper`, which makes I of the dotless ı, and in a Turkish
    locale İ of i: case folding alone would give such a spelling a count of its own.
    """
    return keyed_hash(name.upper().casefold().replace("\N{COMBINING DOT ABOVE}", ""))


def of_sign_in(
    name: str, networks: list[str], device: str | None, account: str | None
) -> list[Bound]:
    """What an attempt to sign in counts for.

    `name` is what was typed, `networks` are the client's (`networks_of`), `account` is the key of
    the account that the name is of, `device` its known browser. A name of no account is counted as
    if it were the only one of an account.
    """
    pause = settings.SIGN_IN_PAUSE_MINUTES * 60
    longest = settings.SIGN_IN_LONGEST_PAUSE_MINUTES * 60
    hashed = hash_of_name(name)
    tries = settings.SIGN_IN_ATTEMPTS
    if device:
        return [Bound("browser", tries, pause, pause, pause, name=device, is_cleared=True)]
    owner = keyed_hash(account) if account else hashed
    per_name = settings.SIGN_IN_ATTEMPTS_PER_NAME
    bounds = [
        Bound("name", per_name, 60, longest, DAY, name=hashed),
        Bound("account", per_name, 60, longest, DAY, name=owner, is_silent=True),
    ]
    for number, network in enumerate(networks):
        limit = settings.SIGN_IN_ATTEMPTS_PER_NETWORK * (SITE_TIMES if number else 1)
        bounds.append(Bound("network", limit, pause, pause, pause, network=network))
    if networks:
        here = Bound("name_network", tries, pause, pause, pause, hashed, networks[0], True)
        bounds += [here, replace(here, kind="account_network", name=owner, is_silent=True)]
    return bounds


def of_code(account: str, device: str | None) -> list[Bound]:
    """What a code of the second factor counts for: three, then 1 s, 2 s, 4 s, … of pause."""
    longest = settings.SECOND_FACTOR_PAUSE_MINUTES * 60
    kind, name = ("browser_code", device) if device else ("code", keyed_hash(account))
    return [Bound(kind, CODES, 1, longest, DAY, name=name, is_cleared=True)]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was counted. `silent`: the kind of a pause of the account; empty: there is none."""

    bounds: list[Bound]
    silent: str = ""

    @contextmanager
    def unless_busy(self) -> Iterator[None]:
        """What could not be tried in this block does not count."""
        try:
            yield
        except BusyError:
            self.take_back(succeeded=False)
            raise

    def take_back(self, *, succeeded: bool) -> None:
        """It succeeded, or was not made after all: it counts no longer.

        Where a limit of the role strikes, it counts on: whoever made it is not held up by that.
        """
        try:
            self._take_back(succeeded=succeeded)
        except OperationalError as error:
            if not _is_limit(error):
                raise

    def _take_back(self, *, succeeded: bool) -> None:
        bounds = {bound.key: bound for bound in self.bounds}
        # Who takes back a success does not wait for all others.
        with transaction.atomic() if succeeded else _one_after_the_other(self.bounds):
            counts = list(_locked(bounds))
            for count in counts:
                bound = bounds[count.key]
                count.failures = max(0, count.failures - 1)
                if succeeded and bound.is_cleared:
                    count.failures = 0
                # No pause was going on when it was made.
                count.free_at = count.last_at
            AttemptCount.objects.bulk_update(counts, ["failures", "free_at"])


def _is_limit(error: OperationalError) -> bool:
    """Whether a limit of the role ended a statement: `lock_timeout` or `statement_timeout`."""
    return isinstance(error.__cause__, (errors.LockNotAvailable, errors.QueryCanceled))


def count(bounds: list[Bound]) -> Attempt:
    """Count an attempt for all of these. Raises `PausedError`, with nothing counted.

    A silent pause raises nothing: see `Attempt.silent`. Raises `BusyError` where so many try the
    same that a limit of the role strikes.
    """
    try:
        return _count(bounds)
    except OperationalError as error:
        if _is_limit(error):
            raise BusyError from error
        raise


def _count(bounds: list[Bound]) -> Attempt:
    by_key = {bound.key: bound for bound in sorted(bounds, key=lambda bound: bound.key)}
    told = [key for key, bound in by_key.items() if not bound.is_silent]
    # While a pause lasts, who goes on trying costs one query.
    _longest_pause(AttemptCount.objects.filter(key__in=told).annotate(now=CLOCK), by_key)
    with _one_after_the_other(bounds):
        # Whether they are new or not: from here on they are ours until the end.
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
            # Trying does not prolong it either.
            counts = [count for count in counts if count.key in told]
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
    """A transaction; of attempts at names, one at a time. Known browsers and codes do not wait."""
    with transaction.atomic():
        if any(bound.is_silent for bound in bounds):
            turn = HashingSlot.objects.select_for_update().filter(number=TURN)
            if not len(turn):
                HashingSlot.objects.bulk_create([HashingSlot(number=TURN)], ignore_conflicts=True)
                len(turn.all())
        yield


def _longest_pause(counts: Iterable[Any], bounds: dict[str, Bound]) -> str:
    """The kind of the longest pause that is not over `now`, as each says; empty: there is none.

    Raises `PausedError` where one of them is told.
    """
    paused = sorted(
        (
            count
            for count in counts
            if count.failures >= bounds[count.key].limit and count.free_at > count.now
        ),
        key=lambda count: count.free_at,
    )
    told = [count for count in paused if not bounds[count.key].is_silent]
    if told:
        left = told[-1].free_at - told[-1].now
        raise PausedError(told[-1].kind, ceil(left.total_seconds()))
    return paused[-1].kind if paused else ""


def forget_names(*names: str) -> int:
    """End the pauses of what is typed as one of these, or of accounts' keys; return how many."""
    hashes = [*map(hash_of_name, names), *map(keyed_hash, names)]
    return AttemptCount.objects.filter(name__in=hashes).delete()[0]


def forget_networks(*networks: str) -> int:
    """End the pauses of these networks; return how many there were."""
    return AttemptCount.objects.filter(network__in=networks).delete()[0]


def _locked(keys: Iterable[str]) -> QuerySet[AttemptCount]:
    """The counts of these keys, in one order, so that no two attempts wait for each other."""
    return AttemptCount.objects.select_for_update().filter(key__in=list(keys)).order_by("key")


def _clean_up(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CLEAN_UP, [now, CLEANED])
        # Numbers only grow, so no more rows than that have numbers above it.
        cursor.execute(CUT, [MOST_ROWS, CLEANED])
