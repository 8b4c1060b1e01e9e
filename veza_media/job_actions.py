"""The actions on a job of the transcode queue."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.postgres.functions import TransactionNow
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from veza_core.access import Access
from veza_core.screens.actions.action import Change, ChangeContext, ConflictError, SetColumns
from veza_media.models import HlsTranscodeJob, TranscodeStatus


class JobAction(SetColumns):
    """An action on one or several jobs in certain states."""

    permissions = ("hls_transcode_queue.update",)
    #: The states in which it makes sense.
    states: Sequence[str] = ()
    watched: Sequence[str] = ("status",)
    in_lists = True

    def applies(self, row: HlsTranscodeJob) -> bool:
        return row.status in self.states


class Retry(JobAction):
    """For failed or cancelled jobs."""

    name = "retry"
    label = "Retry"
    done = "Put back into the queue:"
    explanation = (
        "The job waits for a worker again, with no attempts used. "
        "The staff log keeps the error of the last attempt."
    )
    states = (TranscodeStatus.FAILED, TranscodeStatus.CANCELLED)
    sets = {
        "status": TranscodeStatus.PENDING,
        "attempt_count": 0,
        "locked_by": None,
        "locked_at": None,
        "run_after": TransactionNow(),
        "started_at": None,
        "completed_at": None,
        "error_message": None,
    }
    undo = "cancel"

    def change(self, row: HlsTranscodeJob, work: ChangeContext) -> Change:
        try:
            with transaction.atomic():
                return super().change(row, work)
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise
            raise ConflictError(
                "Another job for the same version of this track is already waiting."
            ) from error


class Cancel(JobAction):
    """For waiting jobs, and jobs in progress."""

    name = "cancel"
    label = "Cancel"
    done = "Cancelled"
    explanation = (
        "No worker will take the job. A worker that has already started may still finish. A "
        "retry puts the job back into the queue."
    )
    states = (TranscodeStatus.PENDING, TranscodeStatus.PROCESSING)
    sets = {
        "status": TranscodeStatus.CANCELLED,
        "locked_by": None,
        "locked_at": None,
        "completed_at": TransactionNow(),
    }
    undo = "retry"


class PriorityAction(JobAction):
    """For waiting jobs."""

    states = (TranscodeStatus.PENDING,)
    watched = ("status", "priority")
    undo = "priority"

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {"priority": str(before["priority"])} if "priority" in before else {}


class ChangePriority(PriorityAction):
    """Sets the priority that is typed."""

    name = "priority"
    label = "Change the priority"
    done = "Changed the priority of"
    explanation = "Workers take waiting jobs with a higher priority first; 10 is the highest."

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        now = ", ".join(str(value) for value in sorted({row.priority for row in rows}))
        help_text = f"From 1 to 10; 10 comes first. Now: {now}."
        return {"priority": forms.IntegerField(min_value=1, max_value=10, help_text=help_text)}

    def values(self, work: ChangeContext) -> Mapping[str, Any]:
        return {"priority": work.values["priority"]}


class PutFirst(PriorityAction):
    """Sets the highest priority, in one step."""

    name = "put_first"
    label = "Put first"
    done = "Put first in the queue:"
    explanation = "Workers take it before all jobs of a lower priority: it gets the highest, 10."
    sets = {"priority": 10}

    def applies(self, row: HlsTranscodeJob) -> bool:
        return super().applies(row) and row.priority < 10


JOB_ACTIONS = (Retry(), Cancel(), PutFirst(), ChangePriority())
