"""Writing to the staff log."""

from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.http import HttpRequest

from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.models import StaffLogEntry
from veza_site.support.address import client_address

REDACTED = "[redacted]"
SECRET_NAMES = frozenset().union(*SECRET_COLUMNS.values()) | {"password", "key", "token", "secret"}

type Subject = Model | type[Model] | None


def record(
    request: HttpRequest,
    action: str,
    subject: Subject,
    *,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> StaffLogEntry:
    """Add an entry, in the transaction that is open: a change and its entry are one commit.

    `subject` is a row, a model (its list, an export), or None (a sign-in). `before` and `after`
    map columns to values, only those that changed; secrets among them are left out. Never pass
    what somebody searched for.
    """
    table, key, label = _describe(subject)
    user = request.access.user  # type: ignore[attr-defined]
    return StaffLogEntry.objects.create(
        staff_id=user.pk,
        staff_name=user.get_username() if user.pk is None else user.username,
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", "")[:255],
        action=action,
        subject_table=table,
        subject_id=key,
        subject_label=label[:255],
        reason=reason,
        before=redact(before),
        after=redact(after),
    )


def redact(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy fit for JSON in which each secret's value is replaced."""
    if values is None:
        return None
    return {
        name: REDACTED if name in SECRET_NAMES else _plain(value) for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    """What JSON has a word for as it is, all else as text."""
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


def _describe(subject: Subject) -> tuple[str, str, str]:
    """The subject's table, id and label."""
    if subject is None:
        return "", "", ""
    if isinstance(subject, Model):
        return subject._meta.db_table, str(subject.pk), str(subject)
    return subject._meta.db_table, "", str(subject._meta.verbose_name_plural)
