"""Soft deletion of rows, and their restoration."""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import Model, UniqueConstraint

from veza_core.counters import lock
from veza_core.models import RestoreConflictError

from ..columns import heading, secret_fields
from .action import Change, ChangeContext, ConflictError, RowAction


def soft_deletion(table: str, *, typed: str = "") -> tuple[RowAction, RowAction]:
    """Both actions for a table; `typed` is the column whose value confirms a deletion.

    Both need `<table>.delete`: who deletes must be able to restore.
    """
    return SoftDelete(table, typed), Restore(table)


class _SoftDeletion(RowAction):
    watched = ("deleted_at",)
    in_lists = True

    def __init__(self, table: str, typed: str = "") -> None:
        self.permissions = (f"{table}.delete",)
        self.typed = typed

    def lock(self, rows: Sequence[Any], alias: str) -> None:
        # For all rows at once, in the order in which services lock several.
        lock(connections[alias], *(row.counted(1) for row in rows))


class SoftDelete(_SoftDeletion):
    """Sets `deleted_at`, and corrects the counters that count the row; changes nothing else."""

    name = "soft_delete"
    label = "Delete"
    done = "Deleted"
    explanation = (
        "Only staff can see it from now on. It can be restored until the purge deletes it "
        "permanently."
    )
    undo = "restore"

    def is_drastic(self, rows: int) -> bool:
        return super().is_drastic(rows) or rows > 1

    def applies(self, row: Any) -> bool:
        return row.deleted_at is None

    def change(self, row: Any, work: ChangeContext) -> Change:
        row.soft_delete()
        row.refresh_from_db(using="default", fields=["deleted_at"])
        return Change({"deleted_at": None}, {"deleted_at": row.deleted_at})


class Restore(_SoftDeletion):
    """Clears `deleted_at`, unless a live row has taken a unique value meanwhile."""

    name = "restore"
    label = "Restore"
    done = "Restored"
    explanation = (
        "It is visible again, as it was. Anything that was deleted separately stays deleted."
    )
    undo = "soft_delete"

    def applies(self, row: Any) -> bool:
        return row.deleted_at is not None

    def change(self, row: Any, work: ChangeContext) -> Change:
        deleted_at = row.deleted_at
        try:
            row.restore()
        except RestoreConflictError as error:
            raise ConflictError(_taken(row, error.code or "")) from error
        return Change({"deleted_at": deleted_at}, {"deleted_at": None})


def _taken(row: Model, constraint: str) -> str:
    """Which value of a row a live one has taken. PostgreSQL's own message would show secrets."""
    name = row._meta.verbose_name
    shown = []
    for known in row._meta.constraints:
        if isinstance(known, UniqueConstraint) and known.name == constraint:
            for column in set(known.fields) - secret_fields(type(row)):
                field: Any = row._meta.get_field(column)
                shown.append(f"{heading(field).lower()} “{getattr(row, field.attname)}”")
    values = f": {', '.join(sorted(shown))}" if shown else ""
    return (
        f"“{row}” cannot be restored: a live {name} now has the same value{values}. "
        "Change or delete that one first."
    )
