"""How many inputs hypothesis invents: a few in `make test`, many random ones in `make attack`."""

import os

from hypothesis import HealthCheck, settings

#: How many times as many; `make attack` sets it, and the seed.
TIMES = int(os.environ.get("ATTACK_TIMES", "1"))


def inputs(number: int) -> settings:
    """Settings of hypothesis for so many inputs in `make test`.

    A fixture's client serves all of them, and the machine may be slow: both are meant so.
    """
    return settings(
        max_examples=number * TIMES,
        deadline=None,
        database=None,
        derandomize=TIMES == 1,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
