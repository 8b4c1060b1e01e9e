"""What a change breaks, and which version step it needs.

The measure is a service that was written for the previous schema and follows docs/services.md: it
names its columns, treats an unknown enum value as unknown, and decides by the names of constraints.
A change breaks the service if one of its statements may fail that could not fail before, or may
return what it could not return before.
"""

from dataclasses import dataclass
from enum import IntEnum


class VersionStep(IntEnum):
    """The number of a semantic version that goes up."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a change breaks, and why, in a sentence."""

    reason: str
    step: VersionStep = VersionStep.MAJOR
    readers: bool = False
    writers: bool = False

    @property
    def breaks(self) -> tuple[str, ...]:
        """Who is broken: nobody, readers, writers, or both."""
        return tuple(name for name in ("readers", "writers") if getattr(self, name))


def same(reason: str) -> Judgement:
    """No statement has a different result."""
    return Judgement(reason, VersionStep.PATCH)


def more(reason: str) -> Judgement:
    """Existing services need not know what is new."""
    return Judgement(reason, VersionStep.MINOR)


def breaks_readers(reason: str) -> Judgement:
    """A service may read what it does not expect."""
    return Judgement(reason, readers=True)


def breaks_writers(reason: str) -> Judgement:
    """PostgreSQL may refuse what a service writes."""
    return Judgement(reason, writers=True)


def breaks_both(reason: str) -> Judgement:
    """It may break services that read, and services that write."""
    return Judgement(reason, readers=True, writers=True)
