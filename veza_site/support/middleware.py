"""Sets `request.access`: the user and their permissions, read from the tables with every
request.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django_otp import DEVICE_ID_SESSION_KEY

from veza_core.access import Access, access_of, staff_request
from veza_site.support import security_log, sessions


class AccessMiddleware:
    """Sets `request.access` once a request, after the authentication by Django and django-otp.

    Before the second factor, `request.user` is the user, but `request.access` has no permissions. A
    session that has ended is removed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        staff_request(request).access = self._access(request)
        return self.get_response(request)

    @staticmethod
    def _access(request: HttpRequest) -> Access:
        nobody = Access(AnonymousUser())
        session = request.session
        if SESSION_KEY not in session:
            return nobody
        # Read before request.user. That makes Django empty a session with another version, and
        # django-otp forget a deleted device. Such a session must end: without a device, the user
        # could enrol a new one.
        account, own = session[SESSION_KEY], session.get(sessions.STAFF_SESSION)
        had_device = DEVICE_ID_SESSION_KEY in session
        access = access_of(request.user)
        if not access.may_enter:
            why = "account"
        elif had_device and DEVICE_ID_SESSION_KEY not in session:
            why = "second_factor"
        else:
            why = sessions.why_over(session)
        if why:
            session.flush()
            sessions.forget(own)
            request.user = nobody.user
            security_log.log_event(request, "session.ended", account, why)
            return nobody
        sessions.touch(request)
        return access if has_passed_second_factor(request) else nobody


def has_passed_second_factor(request: HttpRequest) -> bool:
    """Whether the session has passed the second factor, or does not need one."""
    return not settings.SECOND_FACTOR_REQUIRED or DEVICE_ID_SESSION_KEY in request.session
