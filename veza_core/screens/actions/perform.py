"""Makes a change and its entry in the staff log: both, or neither."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections, router, transaction

from veza_core.access import StaffRequest, access_of

from ..base import BaseScreen
from ..bounded import ON_PAGE, bounded
from ..columns import shown_fields
from ..display import shortened
from ..errors import NodeLostError
from ..reading import is_node_lost
from .action import Change, ChangeContext, ConflictError, LeftOut, RefusedError, RowAction, short

#: How many milliseconds a change waits for a row that another service has locked.
LOCK_TIMEOUT = 5_000

HELD = "It was permanently deleted, or another service is changing it right now."
GONE = "It was permanently deleted in the meantime."


def may(screen: BaseScreen, request: StaffRequest, action: RowAction) -> bool:
    """Whether the user may see the table and run the action on it."""
    return bool(screen.has_view_permission(request)) and action.allowed(request.access)


class HeldError(ConflictError):
    """Another service has locked a row."""


@dataclass(slots=True)
class Outcome:
    """The result of an action on several rows."""

    changes: list[tuple[Any, Change]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.changes += other.changes
        self.left_out += other.left_out


def perform(
    screen: BaseScreen, action: RowAction, seen: Mapping[UUID, str], work: ChangeContext
) -> tuple[Any, Change]:
    """Run an action on the one row of `seen`; return the row, and what was changed.

    `seen` maps its key to `RowAction.seen`. Raises `PermissionDenied`; `RefusedError` for what the
    action's rules forbid; `ConflictError` if the row does not exist, was changed meanwhile, or is
    locked by somebody else.
    """
    with _changing(screen, work.request, action) as alias:
        rows = _lock(screen, alias, seen)
        if not rows:
            raise ConflictError(
                f"A {screen.opts.verbose_name} was permanently deleted in the meantime."
            )
        _ask_again(screen, work.request, action)
        (row,) = rows
        if why := _changed(action, row, seen[row.pk]):
            raise ConflictError(why)
        action.refuse(work.access, row)
        action.lock(rows, alias)
        return row, _change(screen, action, row, work)


def perform_some(
    screen: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    seen: Mapping[UUID, str],
    values: Callable[[UUID], Mapping[str, Any]],
    reason: str,
    batch: UUID,
) -> Outcome:
    """Run an action on the rows of `seen` for which it is possible, in one transaction.

    `values` has the form's values for each row. The entries in the staff log share `batch`. Raises
    `PermissionDenied`, and `HeldError` if a row is locked that `RowAction.lock` needs. Rows that
    are forbidden, changed, locked or gone are left out, and named.
    """
    try:
        return _some(screen, request, action, seen, values, reason, batch, skip_held=False)
    except HeldError:
        return _some(screen, request, action, seen, values, reason, batch, skip_held=True)


def _some(
    screen: BaseScreen,
    request: StaffRequest,
    action: RowAction,
    seen: Mapping[UUID, str],
    values: Callable[[UUID], Mapping[str, Any]],
    reason: str,
    batch: UUID,
    *,
    skip_held: bool,
) -> Outcome:
    outcome = Outcome()
    with _changing(screen, request, action) as alias:
        rows = {row.pk: row for row in _lock(screen, alias, seen, skip_held=skip_held)}
        _ask_again(screen, request, action)
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
            work = ChangeContext(request, screen.admin_site, values(row.pk), reason)
            try:
                with transaction.atomic(using=alias):
                    change = _change(screen, action, row, work, batch)
            except (ConflictError, RefusedError) as error:
                outcome.left_out.append(LeftOut(short(row), error.message))
            else:
                outcome.changes.append((row, change))
    return outcome


@contextmanager
def _changing(screen: BaseScreen, request: StaffRequest, action: RowAction) -> Iterator[str]:
    """The transaction of a change.

    Raises `PermissionDenied`, `HeldError` if a row is locked for too long, and `NodeLostError`.
    """
    if not may(screen, request, action):
        raise PermissionDenied
    alias = router.db_for_write(screen.model)
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


def _ask_again(screen: BaseScreen, request: StaffRequest, action: RowAction) -> None:
    """Check again: since the request began, permissions may have been withdrawn, or the session
    ended, which a thief may be using.
    """
    request.access = access_of(request.access.user)
    if not (may(screen, request, action) and screen.admin_site.is_open(request)):
        raise PermissionDenied


def _lock(
    screen: BaseScreen, alias: str, seen: Mapping[UUID, str], *, skip_held: bool = False
) -> list[Any]:
    """Read the rows again, to change them, in the order of their keys, so that two changes
    cannot deadlock.
    """
    model = screen.model
    rows = list(
        bounded(model._base_manager.using(alias), shown_fields(model), ON_PAGE)
        .filter(pk__in=seen)
        .order_by("pk")
        # This lock does not conflict with new rows that refer to these.
        .select_for_update(no_key=True, skip_locked=skip_held)
    )
    screen.load_names(alias, rows)
    return rows


def _changed(action: RowAction, row: Any, digest: str) -> str:
    """How a row differs from the one that was shown; empty if it does not."""
    if action.seen(row) == digest and action.applies(row):
        return ""
    return (
        f"Somebody else changed “{shortened(str(row))}” while you had it open. Check it, and "
        "decide again."
    )


def _change(
    screen: BaseScreen, action: RowAction, row: Any, work: ChangeContext, batch: UUID | None = None
) -> Change:
    change = action.change(row, work)
    screen.admin_site.record(
        work.request,
        f"{screen.opts.db_table}.{action.name}",
        row,
        reason=work.reason,
        before=change.before,
        after=change.after,
        batch=batch,
    )
    return change
