"""How often somebody may try at what, and for how long nobody may after that."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.crypto import salted_hmac

DAY = 24 * 3600

#: The number of wrong codes before there is a pause.
CODES = 3

#: How many more failures a site (/48) may have than a home (/64).
SITE_TIMES = 4


@dataclass(frozen=True, slots=True)
class Bound:
    """After `limit` failures, each failure is followed by a pause, twice as long as the one before.

    All times are in seconds. `memory` is how long a failure is remembered at least.
    """

    kind: str
    limit: int
    pause: int
    longest: int
    memory: int
    name: str = ""
    network: str = ""
    #: Whether a success clears the count. Otherwise it takes back only its own attempt.
    is_cleared: bool = False
    #: Whether the pause is silent: the attempt fails as if the password were wrong.
    is_silent: bool = False

    @property
    def key(self) -> str:
        return keyed_hash("\0".join((self.kind, self.name, self.network)))

    def free_at(self, failures: int, last_at: datetime) -> datetime:
        """When the next attempt may be made."""
        if failures < self.limit:
            return last_at
        # No pause is longer than the longest, so 2^30 s is enough.
        pause = min(self.longest, self.pause * 2 ** min(failures - self.limit, 30))
        return last_at + timedelta(seconds=pause)


def keyed_hash(text: str) -> str:
    """A hash of a text that nobody can reverse without SECRET_KEY."""
    return salted_hmac(__name__, text, algorithm="sha256").hexdigest()


def hash_of_name(name: str) -> str:
    """The key for a typed name: the same hash for all spellings that find the same account.

    PostgreSQL compares usernames by `upper`. It converts the dotless ı to I, and in a Turkish
    locale i to İ. With case folding alone, such a spelling would get a separate count.
    """
    return keyed_hash(name.upper().casefold().replace("\N{COMBINING DOT ABOVE}", ""))


def of_sign_in(
    name: str, networks: list[str], device: str | None, account: str | None
) -> list[Bound]:
    """The counts for a sign-in attempt.

    `name` is what was typed, `networks` are the client's (`networks_of`), `account` is the key of
    the account with this name, and `device` is its known browser. A name without an account is
    counted as if it were the only name of an account.
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
    """The counts for a code of the second factor: three codes, then pauses of 1 s, 2 s, 4 s, …"""
    longest = settings.SECOND_FACTOR_PAUSE_MINUTES * 60
    kind, name = ("browser_code", device) if device else ("code", keyed_hash(account))
    return [Bound(kind, CODES, 1, longest, DAY, name=name, is_cleared=True)]
