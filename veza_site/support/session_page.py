"""The page on which staff see their own sessions, and end others."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from veza_core.access import StaffRequest
from veza_core.counted import counted
from veza_core.screens.errors import HelpfulError, error_page
from veza_core.screens.site import StaffSite
from veza_core.screens.units import when
from veza_site.support import security_log, sessions
from veza_site.support.log import record

#: The most sessions that are shown.
MAX_SESSIONS = 50

#: The value that ends all other sessions.
OTHER_SESSIONS = "others"

#: Parts of user agents, and the usual names. The first match wins, because most browsers also name
#: others.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
            ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
            ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip

#: The most characters of the name of a program that is not a browser: "curl".
MAX_PROGRAM_LENGTH = 40


def sessions_view(site: StaffSite, request: StaffRequest) -> HttpResponse:
    """List the sessions with GET; end one or all others with POST.

    Somebody who took this session over could end the owner's sessions. So the second factor is
    asked for again, as for drastic actions.
    """
    account, own = request.access.user.pk, request.session[sessions.STAFF_SESSION]
    problem = ""
    if request.method == "POST":
        try:
            others = _meant(account, own, request.POST.get("end", ""))
        except HelpfulError as error:
            return error_page(site, request, error)
        if site.needs_code(request):
            problem = site.check_code(request, request.POST.get("code", ""))
        if not problem:
            return _end(request, account, others)
    context = {
        "title": "Your sessions",
        "problem": problem,
        "shown": MAX_SESSIONS,
        "asks_code": site.needs_code(request),
        "sessions": [
            {
                "key": str(row.pk),
                "is_this": str(row.pk) == own,
                "browser": browser_name(row.user_agent),
                "user_agent": row.user_agent,
                "address": row.address or "unknown",
                "since": when(row.created_at),
                "last_used": when(row.last_used_at),
            }
            for row in sessions.of_account(account)[:MAX_SESSIONS]
        ],
    }
    return site.page(request, "admin/sessions.html", context)


def _meant(account: Any, own: str, which: str) -> Any:
    """The sessions to end. Raises `HelpfulError` for an invalid key."""
    others = sessions.of_account(account).exclude(pk=own)
    if which == OTHER_SESSIONS:
        return others
    try:
        return others.filter(pk=UUID(which))
    except ValueError as error:
        raise HelpfulError("Choose the session to end. No session was ended.") from error


def _end(request: StaffRequest, account: Any, others: Any) -> HttpResponse:
    """End them; sessions that no longer exist count as ended."""
    ended = others.delete()[0]
    if ended:
        record(request, "sessions.end", None, after={"sessions": ended})
        security_log.log_event(request, "session.ended", account, "by_owner")
    messages.success(request, f"Ended {counted(ended, 'session')}.")
    return HttpResponseRedirect(reverse("admin:sessions"))


def browser_name(user_agent: str) -> str:
    """The browser of a user agent in words that its owner knows, "Firefox on Windows"; for other
    programs, the name that they give first.
    """
    browser, system = (
        next((name for mark, name in known if mark in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    if not browser:
        browser = user_agent.partition("/")[0].strip()[:MAX_PROGRAM_LENGTH]
    return f"{browser} on {system}" if browser and system else browser or "unknown"
