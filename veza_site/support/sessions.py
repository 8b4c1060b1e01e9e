"""How long somebody stays signed in, and what ends a session earlier.

A session is a row in `django.django_session`, and a row of `StaffSession` with its owner. It ends
after `SESSION_COOKIE_AGE` without a request, and `SESSION_ABSOLUTE_AGE` after the sign-in. It ends
at once if its owner ends it from another session, if the account may no longer enter
(`AccessMiddleware`), or if `token_version` is raised (`User._get_session_auth_hash`).
"""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from veza_core.access import HttpRequest, StaffRequest
from veza_core.models import User
from veza_site.address import client_address
from veza_site.models import StaffSession

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
#: In the session: when the second factor was last shown.
SECOND_FACTOR_AT = "second_factor_at"
#: The key of its `StaffSession`.
STAFF_SESSION = "staff_session"

#: How often, in seconds, a read-only request writes its session. The idle time is as exact as this.
SEEN_EVERY = 60


def begin(request: HttpRequest, user: User, **_: Any) -> None:
    """Record the sign-in; receiver of Django's `user_logged_in`."""
    now = int(time.time())
    request.session[SIGNED_IN_AT] = now
    request.session[SEEN_AT] = now
    # Delete sessions that nobody has used, because their owners will not end them.
    unused = Now() - timedelta(seconds=settings.SESSION_COOKIE_AGE + SEEN_EVERY)
    StaffSession.objects.filter(last_used_at__lt=unused).delete()
    row = StaffSession.objects.create(account_id=user.pk, **_client(request))
    request.session[STAFF_SESSION] = str(row.pk)


def end(request: HttpRequest, **_: Any) -> None:
    """Record the sign-out; receiver of Django's `user_logged_out`."""
    forget(request.session.get(STAFF_SESSION))


def why_over(session: SessionBase) -> str:
    """Return why a session must end: `idle`, `age` or `ended`; empty if it may continue."""
    if _is_past(session, SIGNED_IN_AT, settings.SESSION_ABSOLUTE_AGE):
        return "age"
    if _is_past(session, SEEN_AT, settings.SESSION_COOKIE_AGE):
        return "idle"
    own = session.get(STAFF_SESSION)
    return "" if own and StaffSession.objects.filter(pk=own).exists() else "ended"


def is_open(request: StaffRequest) -> bool:
    """Whether the session is still open: nobody has ended it or raised `token_version`.

    Its second factor must still exist too, because an SQL statement that deletes it does not raise
    `token_version`.
    """
    user: Any = request.user
    account = User.objects.filter(pk=user.pk, token_version=user.token_version)
    # Every signed-in user has one: see `why_over`.
    own = StaffSession.objects.filter(pk=request.session[STAFF_SESSION])
    if device := user.otp_device:
        same = type(device).objects.filter(pk=device.pk, user_id=OuterRef("account_id"))
        own = own.filter(Exists(same.filter(confirmed=True)))
    return own.filter(account_id__in=account.values("pk")).exists()


def touch(request: HttpRequest) -> None:
    """Record that the session is in use, at most once in `SEEN_EVERY` seconds."""
    session, now = request.session, int(time.time())
    if now - session.get(SEEN_AT, 0) >= SEEN_EVERY:
        session[SEEN_AT] = now
        StaffSession.objects.filter(pk=session[STAFF_SESSION]).update(
            last_used_at=Now(), **_client(request)
        )


def forget(own: str | None) -> None:
    """Delete the row of a session that has ended."""
    if own:
        StaffSession.objects.filter(pk=own).delete()


def of_account(account: Any) -> QuerySet[StaffSession]:
    """The sessions of an account, the latest first."""
    return StaffSession.objects.filter(account_id=account).order_by("-created_at")


def second_factor_shown(session: SessionBase) -> None:
    """Record that the second factor was shown now."""
    session[SECOND_FACTOR_AT] = int(time.time())


def needs_second_factor_again(session: SessionBase) -> bool:
    """Whether it was shown too long ago for a drastic action."""
    if not settings.SECOND_FACTOR_REQUIRED:
        return False
    return _is_past(session, SECOND_FACTOR_AT, settings.SECOND_FACTOR_AGAIN_MINUTES * 60)


def _is_past(session: SessionBase, name: str, span: int) -> bool:
    """Whether a time of the session is at least that many seconds ago.

    A time in the future counts too: if the clock was set back, the session would otherwise last
    longer.
    """
    return bool(abs(time.time() - session.get(name, 0)) >= span)


def _client(request: HttpRequest) -> dict[str, Any]:
    """The columns of a session's row about its client."""
    user_agent = request.headers.get("User-Agent", "").replace("\0", "")[:255]
    return {"address": client_address(request), "user_agent": user_agent}
