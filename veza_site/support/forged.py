"""The response if the CSRF token is not the session's."""

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.csrf import csrf_failure

from veza_core.access import staff_request
from veza_core.screens.actions import kept_forms


def forged(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's page. For a form of this site: the form with the typed text, to send it again.

    The token changes with every sign-in, so a page sends the old one after a sign-in in another
    tab. Only the text is kept, and only its author's form has the right stamp.
    """
    if request.method == "POST" and kept_forms.keep(staff_request(request)):
        return HttpResponseRedirect(request.get_full_path())
    return csrf_failure(request, reason=reason)
