"""What a change breaks, and which step of the version it needs.

The measure is a service that was written for the schema before, and keeps docs/services.md: it
names its columns, takes a value of an enum that it does not know for unknown, and decides by the
names of constraints. A change breaks it where one of its statements may fail that did not, or may
give what it could not give before.
"""

from dataclasses import dataclass
from enum import IntEnum


class Step(IntEnum):
    """Which number of a semantic version goes up."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a change breaks, and why, in a sentence."""

    reason: str
    step: Step = Step.MAJOR
    readers: bool = False
    writers: bool = False

    @property
    def breaks(self) -> tuple[str, ...]:
        """Who is broken: nobody, readers, writers, or both."""
        return tuple(name for name in ("readers", "writers") if getattr(self, name))


def same(reason: str) -> Judgement:
    """No statement gives anything else."""
    return Judgement(reason, Step.PATCH)


def more(reason: str) -> Judgement:
    """Something new, of which a statement of before need not know."""
    return Judgement(reason, Step.MINOR)


def breaks_readers(reason: str) -> Judgement:
    """Judge that what is read was not to be expected."""
    return Judgement(reason, readers=True)


def breaks_writers(reason: str) -> Judgement:
    """Judge that what was written may be refused."""
    return Judgement(reason, writers=True)


def breaks_both(reason: str) -> Judgement:
    """Judge that it may break whoever uses it."""
    return Judgement(reason, readers=True, writers=True)
