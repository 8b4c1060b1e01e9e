"""How many inputs hypothesis generates: few in `make test`, many random ones in `make attack`."""

import os

from hypothesis import HealthCheck, settings

#: The factor for the number of inputs. `make attack` sets it, and the seed.
TIMES = int(os.environ.get("ATTACK_TIMES", "1"))


def inputs(number: int) -> settings:
    """Settings of hypothesis for this many inputs in `make test`.

    One client of a fixture is used for all inputs, and the machine may be slow; both are intended.
    """
    return settings(
        max_examples=number * TIMES,
        deadline=None,
        database=None,
        derandomize=TIMES == 1,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
