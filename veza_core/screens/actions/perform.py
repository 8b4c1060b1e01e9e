"""Making a change and its entry in the staff log: both, or neither."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections, router, transaction

from veza_core.access import StaffRequest, access_of

from ..bounded import ON_PAGE, bounded
from ..columns import shown_fields
from ..display import shortened
from ..errors import NodeLostError
from ..reading import is_node_lost
from .action import Change, ConflictError, LeftOut, RefusedError, RowAction, Work
from .naming import short

if TYPE_CHECKING:
    from ..inspection import InspectionAdmin

#: How long, in milliseconds, a change waits for a row that another service holds.
LOCK_TIMEOUT = 5_000

HELD = "It was permanently deleted, or another service is changing it right now."
GONE = "It was permanently deleted in the meantime."


def may(admin: "InspectionAdmin", request: StaffRequest, action: RowAction) -> bool:
    """Whether who asks may see the table and take the action on it."""
    return bool(admin.has_view_permission(request)) and action.allowed(request.access)


class HeldError(ConflictError):
    """Another service holds a row."""


@dataclass(slots=True)
class Outcome:
    """What an action on several rows did."""

    changes: list[tuple[Any, Change]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Count what was done to more rows."""
        self.changes += other.changes
        self.left_out += other.left_out


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
    work = Work(request, admin.admin_site, values, reason)
    with _changing(admin) as alias:
        rows = _lock(admin, alias, seen)
        if len(rows) < len(seen):
            raise ConflictError(
                f"A {admin.opts.verbose_name} was permanently deleted in the meantime."
            )
        _ask_again(admin, request, action)
        for row in rows:
            if why := _changed(action, row, seen[row.pk]):
                raise ConflictError(why)
            action.refuse(work.access, row)
        action.lock(rows, alias)
        return [(row, _change(admin, action, row, work, reason)) for row in rows]


def perform_some(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    seen: Mapping[UUID, str],
    values: Callable[[UUID], Mapping[str, Any]],
    reason: str,
    batch: UUID,
) -> Outcome:
    """Take an action on those rows of `seen` that it can be taken on, in one transaction.

    `values` says what was filled in for a row. The entries of the staff log share `batch`. Raises
    `PermissionDenied`, and `HeldError` when a row is held that `RowAction.lock` needs: what is
    refused, changed, held or gone itself is left out, and named.
    """
    try:
        return _some(admin, request, action, seen, values, reason, batch, skip_held=False)
    except HeldError:
        return _some(admin, request, action, seen, values, reason, batch, skip_held=True)


def _some(
    admin: "InspectionAdmin",
    request: StaffRequest,
    action: RowAction,
    seen: Mapping[UUID, str],
    values: Callable[[UUID], Mapping[str, Any]],
    reason: str,
    batch: UUID,
    *,
    skip_held: bool,
) -> Outcome:
    if not may(admin, request, action):
        raise PermissionDenied
    outcome = Outcome()
    with _changing(admin) as alias:
        rows = {row.pk: row for row in _lock(admin, alias, seen, skip_held=skip_held)}
        _ask_again(admin, request, action)
        refused = action.refusals(request.access, list(rows.values()))
        able = []
        for pk, digest in seen.items():
            row = rows.get(pk)
            if row is None:
                outcome.left_out.append(LeftOut(str(pk)[:8], HELD if skip_held else GONE))
            elif why := refused.get(pk) or _changed(action, row, digest):
                outcome.left_out.append(LeftOut(short(row), why))
            else:
                able.append(row)
        action.lock(able, alias)
        for row in able:
            work = Work(request, admin.admin_site, values(row.pk), reason)
            try:
                with transaction.atomic(using=alias):
                    change = _change(admin, action, row, work, reason, batch)
            except (ConflictError, RefusedError) as error:
                outcome.left_out.append(LeftOut(short(row), error.message))
            else:
                outcome.changes.append((row, change))
    return outcome


@contextmanager
def _changing(admin: "InspectionAdmin") -> Iterator[str]:
    """The transaction of a change. Raises `HeldError` when a row is held for too long.

    And `NodeLostError`.
    """
    alias = router.db_for_write(admin.model)
    try:
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT}ms"])
            yield alias
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise HeldError("Another service is changing this row right now. Try again.") from error
        if is_node_lost(error):
            raise NodeLostError from error
        raise


def _ask_again(admin: "InspectionAdmin", request: StaffRequest, action: RowAction) -> None:
    """Rights may have been withdrawn since the request began, or while it waited; or the session
    was ended, which a thief may have.
    """
    request.access = access_of(request.access.user)
    if not (may(admin, request, action) and admin.admin_site.is_open(request)):
        raise PermissionDenied


def _lock(
    admin: "InspectionAdmin", alias: str, seen: Mapping[UUID, str], *, skip_held: bool = False
) -> list[Any]:
    """Read the rows again, for the writer; one after the other by key, so that two cannot wait for
    each other.
    """
    model = admin.model
    rows = list(
        bounded(model._base_manager.using(alias), shown_fields(model), ON_PAGE)
        .filter(pk__in=seen)
        .order_by("pk")
        # Without a conflict with rows that come to refer to these.
        .select_for_update(no_key=True, skip_locked=skip_held)
    )
    admin.load_names(alias, rows)
    return rows


def _changed(action: RowAction, row: Any, digest: str) -> str:
    """How a row differs from how it was shown; empty: it is the same."""
    if action.seen(row) == digest and action.applies(row):
        return ""
    return (
        f"Somebody else changed “{shortened(str(row))}” while you had it open. Check it, and "
        "decide again."
    )


def _change(
    admin: "InspectionAdmin",
    action: RowAction,
    row: Any,
    work: Work,
    reason: str,
    batch: UUID | None = None,
) -> Change:
    change = action.change(row, work)
    admin.admin_site.record(
        work.request,
        f"{admin.opts.db_table}.{action.name}",
        row,
        reason=reason,
        before=change.before,
        after=change.after,
        batch=batch,
    )
    return change
