"""Limits concurrent sign-in attempts, which would otherwise slow all pages down.

bcrypt uses a processor for a quarter of a second. An attempt locks a row of `HashingSlot` until its
transaction ends. So a killed process holds nothing, and this works behind a pooler. Attempts also
wait for each other while they are counted. Those of strangers use at most half of a process's
threads, so that the others serve pages and known browsers.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.conf import settings
from django.db import transaction

from veza_site.models import HashingSlot
from veza_site.support.attempts import BusyError

#: Seconds after which a client should try again.
RETRY_AFTER = 2

_lock = Lock()
#: Attempts in this process now: of known browsers, and of others.
_trying: Counter[bool] = Counter()


@contextmanager
def admitted(*, is_known: bool) -> Iterator[bool]:
    """Take a place in this process for the block; yields whether there was one.

    It reads no table. Known browsers have separate places.
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
    """Take a slot for the block. Raises `BusyError` at once if none is free.

    One more slot is only for known browsers, so that strangers cannot take all of them.
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
