"""Tables in schema `django`, which are not part of the contract."""

from .counts import CountedUntil, DailyCount, JobRun
from .log import ACTION, NO_ACTION, AppendOnlyError, Note, StaffLogEntry
from .sign_in import AttemptCount, HashingSlot, StaffSession

__all__ = [
    "ACTION",
    "NO_ACTION",
    "AppendOnlyError",
    "AttemptCount",
    "CountedUntil",
    "DailyCount",
    "HashingSlot",
    "JobRun",
    "Note",
    "StaffLogEntry",
    "StaffSession",
]
