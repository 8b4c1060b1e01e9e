"""Logs sign-ins and refusals for monitoring, with logger `veza.security`.

With `LOG_FORMAT=json` each field is separate (docs/operations.md lists them). What somebody typed
as a name is never logged, because people type passwords there. An account is logged by its id; an
unknown name by a keyed hash, which is the same for the same text.
"""

import logging
from typing import Any

from django.http import HttpRequest

from veza_core.models import User
from veza_site.support.bounds import keyed_hash

log = logging.getLogger("veza.security")


def refused(request: HttpRequest | None, reason: str, name: str, user: User | None) -> None:
    """Somebody could not sign in as `name`, which belongs to `user` or to nobody."""
    account = user.pk if user else None
    _write(logging.WARNING, "sign_in.refused", request, account, reason, name)


def code_refused(request: HttpRequest, reason: str, user: User) -> None:
    """A code of the second factor was not accepted: `wrong_code`, or `paused_code` and the like."""
    _write(logging.WARNING, "second_factor.refused", request, user.pk, reason)


def log_event(request: HttpRequest, event: str, account: Any, reason: str = "") -> None:
    """An event that is not a refusal, and the account's id: `sign_in`, `session.ended`, …"""
    _write(logging.INFO, event, request, account, reason)


def _write(
    level: int,
    event: str,
    request: HttpRequest | None,
    account: Any,
    reason: str,
    name: str = "",
) -> None:
    fields: dict[str, Any] = {"event": event}
    if reason:
        fields["reason"] = reason
    if account is not None:
        fields["account"] = str(account)
    elif name:
        fields["name_hash"] = keyed_hash(name)[:16]
    message = " ".join(f"{name}={value}" for name, value in fields.items())
    if request is not None:
        fields["user_agent"] = request.headers.get("User-Agent", "")[:255]
    log.log(level, "%s", message, extra={"security": fields, "request": request})
