"""How many passwords are hashed at once, by all processes together.

bcrypt takes a processor for a quarter of a second. Without a bound whoever sends passwords slows
every page down. Who hashes holds a row of `HashingSlot`, locked until the transaction ends: so a
process that is killed holds nothing, and a pooler may stand in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction

from veza_site.models import HashingSlot
from veza_site.support.attempts import BusyError

#: Seconds after which it is worth trying again.
RETRY_AFTER = 2


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
