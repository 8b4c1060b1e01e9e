"""What is answered when the token against forged requests is not the session's."""

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.csrf import csrf_failure

from veza_core.access import staff_request
from veza_core.screens.actions import typed


def forged(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's page; for a form of this site, its own page with what was typed, to send again.

    The token changes with every sign-in: who signed in again in another tab sends the old one.
    Nothing is done but to keep the text: only its author's form has their stamp.
    """
    if request.method == "POST" and typed.keep(staff_request(request)):
        return HttpResponseRedirect(request.get_full_path())
    return csrf_failure(request, reason=reason)
