"""The pages of the sign-in that Django's admin does not have."""

from math import ceil
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from veza_core.access import access_of
from veza_core.models import User
from veza_site.support import second_factor
from veza_site.support.log import record
from veza_site.support.middleware import has_passed_second_factor

WRONG = "That code is wrong, or was used before. Wait for the next one and try again."

PAUSE = "Too many wrong codes. Try again in {} s."


def second_factor_view(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Ask for a code; at the first sign-in, let an authenticator be enrolled first."""
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
    return step(request, user, context)


def too_many_attempts(request: HttpRequest, *_: Any) -> HttpResponse:
    """What django-axes answers once an account was tried too often from one address."""
    from axes.helpers import get_cool_off
    from django.contrib import admin

    pause = get_cool_off(request)
    assert pause is not None  # noqa: S101 - AXES_COOLOFF_TIME is set
    context = {
        **admin.site.each_context(request),
        "title": "Too many attempts",
        "minutes": ceil(pause.total_seconds() / 60),
    }
    response = render(request, "admin/too_many_attempts.html", context, status=429)
    response.headers["Retry-After"] = str(int(pause.total_seconds()))
    return response


def _enrol(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    context["title"] = "Set up your second factor"
    if request.method == "POST":
        code = request.POST.get("code", "")
        if seconds := second_factor.pause(second_factor.begin_enrolment(request, user)):
            context["error"] = PAUSE.format(seconds)
        elif codes := second_factor.confirm_enrolment(request, user, code):
            _signed_in(request, "second_factor.enrol")
            context |= {"title": "Recovery codes", "codes": codes}
            return render(request, "admin/recovery_codes.html", context)
        else:
            context["error"] = WRONG
    device = second_factor.begin_enrolment(request, user)
    context["qr_code"] = second_factor.qr_code(device)
    context["secret"] = second_factor.secret_of(device)
    return render(request, "admin/second_factor_enrol.html", context)


def _verify(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    context["title"] = "Second factor"
    if request.method == "POST":
        code = request.POST.get("code", "")
        if seconds := second_factor.pause(second_factor.device_for(user, code)):
            context["error"] = PAUSE.format(seconds)
        elif device := second_factor.verify(request, user, code):
            _signed_in(request, "sign_in")
            if isinstance(device, StaticDevice):
                return _recovered(request, user, context)
            return HttpResponseRedirect(context["next"])
        else:
            context["error"] = WRONG
            record(request, "second_factor.refuse", None, user=user)
    return render(request, "admin/second_factor.html", context)


def _recovered(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    """Say how many recovery codes are left, now that one is used up."""
    record(request, "second_factor.recover", None)
    context |= {"title": "Signed in", "left": second_factor.remaining_codes(user)}
    return render(request, "admin/recovered.html", context)


def _signed_in(request: HttpRequest, action: str) -> None:
    """From here on `request.access` is the user's, and the staff log knows who it is."""
    request.access = access_of(request.user)  # type: ignore[attr-defined]
    record(request, action, None)
