"""Writes to the staff log, and hides details of rows from staff who cannot read these rows."""

import os
from collections.abc import Mapping
from pwd import getpwuid
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from veza_core.access import StaffRequest
from veza_core.models import User
from veza_core.screens.site import Subject
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.address import client_address
from veza_site.models import StaffLogEntry

REDACTED = "[redacted]"
SECRET_NAMES = frozenset().union(*SECRET_COLUMNS.values()) | {"password", "key", "token", "secret"}

#: The fields with details of a row. The others say only that something was done.
TELLING = ("subject_label", "reason", "text")
VALUES = ("before", "after")


def record(
    request: StaffRequest,
    action: str,
    subject: Subject,
    *,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    user: User | None = None,
    batch: UUID | None = None,
) -> StaffLogEntry:
    """Add an entry in the open transaction, so that a change and its entry are one commit.

    `subject` is a row, a model (its list, an export), or None (a sign-in). `before` and `after` map
    columns to values, only those that changed; secrets are left out. `user` is the member of staff,
    if that is not yet `request.access.user`. Never pass what somebody searched for. `batch` is the
    same for all entries of one action on several rows.
    """
    who = user or request.access.user
    return StaffLogEntry.objects.create(
        staff_id=who.pk,
        staff_name=who.username,
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", "").replace("\0", "")[:255],
        action=action,
        reason=reason,
        before=redact(before),
        after=redact(after),
        batch=batch,
        **_describe(subject),
    )


def record_command(
    command: str,
    action: str,
    subject: Subject,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> StaffLogEntry:
    """Add an entry for a command of manage.py, in the name of the operating system's user."""
    return StaffLogEntry.objects.create(
        staff_name=f"manage.py {command} ({_machine_user()})"[:150],
        action=action,
        before=redact(before),
        after=redact(after),
        **_describe(subject),
    )


def _machine_user() -> str:
    """The user of the operating system, from the kernel: anybody can set variables such as
    LOGNAME.
    """
    number = os.getuid()
    try:
        return getpwuid(number).pw_name
    except KeyError:
        # In a container, the number may have no name.
        return f"uid {number}"


def redact(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy for JSON, with secrets replaced."""
    if values is None:
        return None
    return {
        name: REDACTED if name in SECRET_NAMES else _plain(value) for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    """Values that JSON can represent stay; all others become text."""
    if isinstance(value, Mapping):
        return redact({str(key): inner for key, inner in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    try:
        return DjangoJSONEncoder().default(value)
    except TypeError:
        return str(value)


def _describe(subject: Subject) -> dict[str, str]:
    """The columns that name the subject."""
    if subject is None:
        return {}
    table = subject._meta.db_table
    if isinstance(subject, Model):
        label = str(subject)[:255].replace("\0", "")
        return {"subject_table": table, "subject_id": str(subject.pk), "subject_label": label}
    return {"subject_table": table, "subject_label": str(subject._meta.verbose_name_plural)}


def mask(request: StaffRequest, entry: Any) -> None:
    """Remove details of the row from an entry or a note, if the viewer may not read the row.

    Who did what, when, and in which table stays visible to all staff.
    """
    table = entry.subject_table
    if not table or request.access.may(table, "read"):
        return
    # A field that was not selected cannot be removed; to access it would be a query.
    for name in TELLING:
        if entry.__dict__.get(name):
            setattr(entry, name, f"(needs {table}.read)")
    for name in VALUES:
        if entry.__dict__.get(name) is not None:
            setattr(entry, name, None)
