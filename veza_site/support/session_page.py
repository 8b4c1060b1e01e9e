"""The page on which staff see their own sessions, and end those that are not this one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from veza_core.admin.display import when
from veza_core.admin.errors import HelpfulError, error_page
from veza_site.support import security_log, sessions
from veza_site.support.log import record

#: What ends all of them but this one.
OTHERS = "others"


def sessions_view(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """List them with GET, end one or all others with POST."""
    account = request.access.user.pk  # type: ignore[attr-defined]
    own = request.session[sessions.OWN]
    others = sessions.of_account(account).exclude(pk=own)
    if request.method == "POST":
        try:
            return _end(request, others, request.POST.get("end", ""))
        except HelpfulError as error:
            return error_page(site, request, error)
    context = {
        **site.each_context(request),
        "title": "Your sessions",
        "sessions": [
            {
                "key": str(row.pk),
                "is_this": str(row.pk) == own,
                "browser": row.user_agent or "unknown",
                "address": row.address or "unknown",
                "since": when(row.created_at),
                "last_used": when(row.last_used_at),
            }
            for row in sessions.of_account(account)
        ],
    }
    return TemplateResponse(request, "admin/sessions.html", context)


def _end(request: HttpRequest, others: Any, which: str) -> HttpResponse:
    """End those that are meant; what is not there any more is ended, too."""
    if which != OTHERS:
        try:
            others = others.filter(pk=UUID(which))
        except ValueError as error:
            raise HelpfulError("Say which session is to end. Nothing was ended.") from error
    ended = others.delete()[0]
    if ended:
        record(request, "sessions.end", None, after={"sessions": ended})
        account = request.access.user.pk  # type: ignore[attr-defined]
        security_log.told(request, "session.ended", account, "by_owner")
    messages.success(request, f"Ended {ended} session{'' if ended == 1 else 's'}.")
    return HttpResponseRedirect(reverse("admin:sessions"))
