"""Making a change and its entry in the staff log: both, or neither."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections, router, transaction

from veza_core.access import StaffRequest, access_of

from ..bounded import ON_PAGE, bounded
from ..columns import shown_fields
from ..display import shortened
from .action import Change, ConflictError, RowAction, Work

if TYPE_CHECKING:
    from ..inspection import InspectionAdmin

#: How long, in milliseconds, a change waits for a row that another service holds.
LOCK_TIMEOUT = 5_000


def may(admin: "InspectionAdmin", request: StaffRequest, action: RowAction) -> bool:
    """Whether who asks may see the table and take the action on it."""
    return bool(admin.has_view_permission(request)) and action.allowed(request.access)


def perform(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    seen: Mapping[UUID, str],
    values: Mapping[str, Any],
    reason: str,
) -> list[tuple[Any, Change]]:
    """Take an action on all rows of `seen`, or on none; return them with what was changed.

    `seen` maps keys to `RowAction.seen`, `values` is what was filled in. Raises
    `PermissionDenied`; `RefusedError` for what the action's rules forbid; `ConflictError` when a
    row is not there, was changed meanwhile, or is held by somebody else.
    """
    if not may(admin, request, action):
        raise PermissionDenied
    work = Work(request, admin.admin_site, values)
    alias = router.db_for_write(admin.model)
    try:
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT}ms"])
            rows = _lock(admin, alias, seen)
            # A colleague may have withdrawn them since the request began, or while a row was held.
            request.access = access_of(request.access.user)
            if not may(admin, request, action):
                raise PermissionDenied
            for row in rows:
                _check(action, row, seen[row.pk])
                action.refuse(work.access, row)
            action.lock(rows, alias)
            changes = [(row, _change(admin, action, row, work, reason)) for row in rows]
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise ConflictError(
                "Another service is changing this row right now. Nothing was changed. Try again."
            ) from error
        raise
    return changes


def _lock(admin: "InspectionAdmin", alias: str, seen: Mapping[UUID, str]) -> Sequence[Any]:
    """Read the rows again, for the writer; one after the other by key, so that two cannot wait for
    each other.
    """
    model = admin.model
    rows = list(
        bounded(model._base_manager.using(alias), shown_fields(model), ON_PAGE)
        .filter(pk__in=seen)
        .order_by("pk")
        # Without a conflict with rows that come to refer to these.
        .select_for_update(no_key=True)
    )
    if len(rows) < len(seen):
        raise ConflictError(
            f"A {admin.opts.verbose_name} was permanently deleted in the meantime. "
            "Nothing was changed."
        )
    return rows


def _check(action: RowAction, row: Any, digest: str) -> None:
    """Raise `ConflictError` unless the row is still as it was shown."""
    if action.seen(row) != digest or not action.applies(row):
        raise ConflictError(
            f"“{shortened(str(row))}” was changed by somebody else while you had it open. "
            "Nothing was changed. Reload the page and decide again."
        )


def _change(
    admin: "InspectionAdmin", action: RowAction, row: Any, work: Work, reason: str
) -> Change:
    change = action.change(row, work)
    admin.admin_site.record(
        work.request,
        f"{admin.opts.db_table}.{action.name}",
        row,
        reason=reason,
        before=change.before,
        after=change.after,
    )
    return change
