"""The form of the sign-in, and the pages that Django's admin does not have."""

from collections.abc import Callable
from math import ceil
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.csrf import csrf_failure
from django_otp.plugins.otp_static.models import StaticDevice

from veza_core.access import StaffRequest, access_of, staff_request
from veza_core.models import User
from veza_core.screens.actions import kept_forms
from veza_site.support import attempts, devices, second_factor, security_log
from veza_site.support.attempts import BusyError, PausedError
from veza_site.support.bounds import of_code
from veza_site.support.hashing import RETRY_AFTER
from veza_site.support.log import record
from veza_site.support.middleware import has_passed_second_factor

WRONG = "That code is wrong, or was used before. Wait for the next one and try again."

SIGN_IN_REFUSED = (
    "Wrong name or password. A password is case-sensitive, and the account needs access to this "
    "site. After several failures the site accepts no password for some minutes, except in a "
    "browser in which you signed in before."
)

BUSY = "Too many people are signing in. Try again."

PAUSE = "Too many wrong codes. Try again in {} s."


class SignInForm(AuthenticationForm):
    """E-mail or username, and password, with one message for all errors."""

    error_messages = {"invalid_login": SIGN_IN_REFUSED, "inactive": SIGN_IN_REFUSED}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail or username"


def second_factor_view(site: AdminSite, request: StaffRequest) -> HttpResponse:
    """Ask for a code; at the first sign-in, enrol an authenticator first."""
    user: Any = request.user
    if not user.is_authenticated:
        return HttpResponseRedirect(reverse("admin:login"))
    next_page = RedirectURLMixin().get_redirect_url(request) or reverse("admin:index")
    if has_passed_second_factor(request):
        return HttpResponseRedirect(next_page)
    if request.method == "POST" and "cancel" in request.POST:
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))
    context = {**site.each_context(request), "next": next_page}
    step = _verify if second_factor.is_enrolled(user) else _enrol
    response = step(request, user, context)
    if has_passed_second_factor(request):
        devices.remember(request, response, user)
    return response


def try_later(request: HttpRequest, error: PausedError | BusyError) -> HttpResponse:
    """The response after too many attempts, or to too many concurrent ones."""
    if isinstance(error, PausedError):
        title, status, seconds = "Too many attempts", 429, error.seconds
    else:
        title, status, seconds = "Try again in a moment", 503, RETRY_AFTER
    context = {
        **admin.site.each_context(request),
        "title": title,
        "minutes": ceil(seconds / 60) if isinstance(error, PausedError) else 0,
    }
    response = render(request, "admin/try_later.html", context, status=status)
    response.headers["Retry-After"] = str(seconds)
    return response


def check_code[Found](
    request: StaffRequest, user: User, check: Callable[[], Found]
) -> tuple[Found | None, str]:
    """Check a code, which counts as an attempt; return the result of `check`, or the error."""
    account = str(user.pk)
    try:
        attempt = attempts.count(of_code(account, devices.known_device(request, user)))
    except PausedError as paused:
        security_log.code_refused(request, f"paused_{paused.kind}", user)
        return None, PAUSE.format(paused.seconds)
    except BusyError:
        security_log.code_refused(request, "busy", user)
        return None, BUSY
    if found := check():
        attempt.take_back(succeeded=True)
        return found, ""
    security_log.code_refused(request, "wrong_code", user)
    record(request, "second_factor.refuse", None, user=user)
    return None, WRONG


def _enrol(request: StaffRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    context["title"] = "Set up your second factor"
    if request.method == "POST":
        code = request.POST.get("code", "")
        codes, context["error"] = check_code(
            request, user, lambda: second_factor.confirm_enrolment(request, user, code)
        )
        if codes:
            _signed_in(request, "second_factor.enrol")
            context |= {"title": "Recovery codes", "codes": codes}
            return render(request, "admin/recovery_codes.html", context)
    device = second_factor.begin_enrolment(request, user)
    context["qr_code"] = second_factor.qr_code(device)
    context["secret"] = second_factor.secret_of(device)
    return render(request, "admin/second_factor_enrol.html", context)


def _verify(request: StaffRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    context["title"] = "Second factor"
    if request.method == "POST":
        code = request.POST.get("code", "")
        device, context["error"] = check_code(
            request, user, lambda: second_factor.verify(request, user, code)
        )
        if device:
            _signed_in(request, "sign_in")
            if isinstance(device, StaticDevice):
                return _recovered(request, user, context)
            return HttpResponseRedirect(context["next"])
    return render(request, "admin/second_factor.html", context)


def _recovered(request: StaffRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    """Say how many recovery codes are left, because one was used."""
    record(request, "second_factor.recover", None)
    context |= {"title": "Signed in", "left": second_factor.remaining_codes(user)}
    return render(request, "admin/recovered.html", context)


def _signed_in(request: StaffRequest, action: str) -> None:
    """From here on, `request.access` and the logs have the user."""
    request.access = access_of(request.user)
    record(request, action, None)
    security_log.log_event(request, action, request.user.pk)


def forged(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """The response if the CSRF token is not the session's: Django's page. For a form of this site:
    the form with the typed text, to send it again.

    The token changes with every sign-in, so a page sends the old one after a sign-in in another
    tab. Only the text is kept, and only its author's form has the right stamp.
    """
    if request.method == "POST" and kept_forms.keep(staff_request(request)):
        return HttpResponseRedirect(request.get_full_path())
    return csrf_failure(request, reason=reason)
