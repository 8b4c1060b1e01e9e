"""How many attempts to sign in are looked at at once: without a bound they slow every page down.

bcrypt takes a processor for a quarter of a second. Who hashes holds a row of `HashingSlot`, locked
until the transaction ends: so a process that is killed holds nothing, and a pooler may stand in
between. Attempts also wait for each other while they are counted. They wait in half of a process's
threads at most: the others are for pages.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.conf import settings
from django.db import transaction

from veza_site.models import HashingSlot
from veza_site.support.attempts import BusyError

#: Seconds after which it is worth trying again.
RETRY_AFTER = 2

_lock = Lock()
#: Attempts that this process looks at now, of known browsers and of others.
_trying: Counter[bool] = Counter()


@contextmanager
def admitted(*, is_known: bool) -> Iterator[bool]:
    """Hold a place of this process within the block; whether there was one.

    It asks no table. Known browsers have places of their own.
    """
    with _lock:
        is_free = _trying[is_known] < settings.SIGN_INS_AT_ONCE
        _trying[is_known] += is_free
    try:
        yield is_free
    finally:
        with _lock:
            _trying[is_known] -= is_free


@contextmanager
def hashing(*, is_known: bool) -> Iterator[None]:
    """Hold a slot within the block. Raises `BusyError` at once when none is free.

    One slot more is for browsers that signed in before: strangers cannot take all of them.
    """
    slots = settings.SIGN_IN_HASHES_AT_ONCE + is_known
    numbers = (1, slots)
    if HashingSlot.objects.filter(number__range=numbers).count() < slots:
        HashingSlot.objects.bulk_create(
            [HashingSlot(number=number) for number in range(1, slots + 1)], ignore_conflicts=True
        )
    with transaction.atomic():
        free = HashingSlot.objects.select_for_update(skip_locked=True).filter(number__range=numbers)
        if not free.order_by("number")[:1]:
            raise BusyError
        yield
