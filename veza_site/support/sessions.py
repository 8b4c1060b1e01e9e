"""How long somebody stays signed in, and what ends it before.

A session is a row in `django.django_session`. It ends after `SESSION_COOKIE_AGE` without a
request, `SESSION_ABSOLUTE_AGE` after the sign-in whatever happens, and at once when the account
may no longer enter (`AccessMiddleware`) or its `token_version` is raised
(`User._get_session_auth_hash`).
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"

#: How often, in seconds, a request that only reads writes its session: idle time is this exact.
SEEN_EVERY = 60


def begin(request: HttpRequest, **_: Any) -> None:
    """Note the time of the sign-in; receiver of Django's `user_logged_in`."""
    now = int(time.time())
    request.session[SIGNED_IN_AT] = now
    request.session[SEEN_AT] = now


def is_over(session: SessionBase) -> bool:
    """Whether the session was idle, or has lived, for too long."""
    now = time.time()
    signed_in_at, seen_at = session.get(SIGNED_IN_AT, 0), session.get(SEEN_AT, 0)
    return bool(
        now - signed_in_at >= settings.SESSION_ABSOLUTE_AGE
        or now - seen_at >= settings.SESSION_COOKIE_AGE
    )


def touch(session: SessionBase) -> None:
    """Note that the session is in use, at most once in `SEEN_EVERY` seconds."""
    now = int(time.time())
    if now - session.get(SEEN_AT, 0) >= SEEN_EVERY:
        session[SEEN_AT] = now
