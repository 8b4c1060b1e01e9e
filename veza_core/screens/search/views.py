"""The search page.

What somebody searches for is often personal data. So it is posted, and stored in their session, a
row in the database that ends with it. The page's URL has a random name for it. So no e-mail is
stored in the browser's history, in the access log of a server or a proxy, or in a page title, and
going back to the results works. The staff log gets only kinds and counts.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.views.decorators.debug import sensitive_post_parameters

from veza_core.access import StaffRequest
from veza_core.screens.actions import typed
from veza_core.screens.errors import HelpfulError, NotThereError, error_page
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.labels import list_of, url_of
from veza_core.screens.links import page_at
from veza_core.screens.menu import MenuEntry, find_places, is_named
from veza_core.screens.reading import reading
from veza_core.screens.site import StaffSite

from .engine import NEWEST, find
from .results import ResultGroup, groups, the_one
from .term import Term, read

#: Where the session stores what was searched for: pairs of name and text, oldest first.
KEPT = "searches"

#: The most searches in a session.
KEPT_NUMBER = 20


class ForgottenError(NotThereError):
    """A search that the session does not have."""

    title = "This search has expired"


def search_urls(site: StaffSite) -> list[URLPattern]:
    """The URL of the search page, for the site."""

    @sensitive_post_parameters("q")
    def view(request: StaffRequest) -> HttpResponse:
        return search(site, request)

    def with_id(request: StaffRequest, key: UUID) -> HttpResponse:
        return by_id(site, request, key)

    return [
        path("search/", site.admin_view(view), name="search"),
        path("id/<uuid:key>/", site.admin_view(with_id), name="by_id"),
    ]


def by_id(site: StaffSite, request: StaffRequest, key: UUID) -> HttpResponse:
    """Redirect to the row with an ID, in whatever table it is."""
    alias = str(getattr(site, "read_alias", "default"))
    term = read(str(key))
    try:
        with reading(alias):
            found = groups(request, site, alias, term, find(request, site, alias, term))
            row = the_one(found)
    except HelpfulError as error:
        return error_page(site, request, error)
    _record(site, request, found)
    if row is None:
        return error_page(
            site, request, NotThereError(f"You cannot open any row with the ID {key}.")
        )
    return HttpResponseRedirect(url_of(type(row), row.pk))


def search(site: StaffSite, request: StaffRequest) -> HttpResponse:
    """Store what was posted and redirect to its page, or show that page."""
    try:
        if request.method == "POST":
            return HttpResponseRedirect(_address(request, read(request.POST.get("q", ""))))
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if before := typed.take(request):
            # The session had ended before it was sent.
            return HttpResponseRedirect(_address(request, read(before.get("q", ""))))
        return page(site, request, stored_term(request))
    except HelpfulError as error:
        return error_page(site, request, error)


def _address(request: StaffRequest, term: Term) -> str:
    """The page of a term's results, with the session's name for it."""
    return f"{reverse('admin:search')}?s={keep(request, term)}"


def keep(request: StaffRequest, term: Term) -> str:
    """Store a term in the session, and return its name there."""
    name = secrets.token_urlsafe(9)
    stored = request.session.get(KEPT, [])
    request.session[KEPT] = [*stored, [name, term.text]][-KEPT_NUMBER:]
    return name


def stored_term(request: StaffRequest) -> Term | None:
    """The term that the URL names; None: the page without results. Raises `HelpfulError`."""
    if set(request.GET) - {"s", "all"}:
        raise HelpfulError("Use the search box: search terms must not appear in a page's address.")
    if "s" not in request.GET:
        return None
    for name, text in request.session.get(KEPT, []):
        if name == request.GET["s"]:
            return read(text)
    raise ForgottenError(
        "A search is kept until the session ends or you make many newer ones. Search again."
    )


def page(site: StaffSite, request: StaffRequest, term: Term | None) -> HttpResponse:
    """The page of a term's results, with an entry in the staff log; without a term, the hints."""
    found: list[ResultGroup] = []
    places: Sequence[MenuEntry] = []
    alias = str(getattr(site, "read_alias", "default"))
    request.current_app = site.name
    with reading(alias):
        if term is not None:
            found = groups(request, site, alias, term, find(request, site, alias, term))
            places = find_places(site, request, term.text)
            only = the_one(found, alone=not places)
            if "all" not in request.GET and only is not None:
                return _open(site, request, only, found)
            places = [*_lists_by_address(site, request, term), *places]
            if pasted := page_at(term.text, request):
                places = [MenuEntry("The page with this address", "", pasted), *places]
            if "all" not in request.GET and (place := _the_list(places, term, found)):
                return _open_list(site, request, place, found)
        response = TemplateResponse(
            request,
            "veza/search/page.html",
            {
                **site.each_context(request),
                # Without the text, because titles stay in the browser's history.
                "title": _summary(found, places) if term else "Search",
                "term": term,
                "groups": found,
                "places": places,
                "too_common": [group for group in found if group.too_common],
                "newest": f"{NEWEST:,}",
            },
        )
        response.render()
    if term is not None:
        _record(site, request, found)
    return response


def _lists_by_address(site: StaffSite, request: StaffRequest, term: Term) -> Iterator[MenuEntry]:
    """The lists with a filter that searches other tables for the typed text: an IP address."""
    for screen in site.screens():
        if not isinstance(screen, InspectionAdmin) or not screen.has_view_permission(request):
            continue
        for one in screen.screen(request).criteria:
            value = getattr(term, one.name, None)
            if one.tables and value:
                name = capfirst(str(screen.opts.verbose_name_plural))
                url = f"{list_of(screen.model)}?{urlencode({one.name: value})}"
                yield MenuEntry(f"{name}: {one.label[:1].lower()}{one.label[1:]} {value}", "", url)


def _the_list(
    places: Sequence[MenuEntry], term: Term, found: Sequence[ResultGroup]
) -> MenuEntry | None:
    """The list to open: its whole name was typed, or nothing else was found. None if there is
    none.
    """
    named = [place for place in places if place.in_menu and is_named(place, term.text)]
    if len(named) == 1 and not any(group.is_exact for group in found):
        return named[0]
    return places[0] if len(places) == 1 and not found else None


def _open_list(
    site: StaffSite, request: StaffRequest, place: MenuEntry, found: list[ResultGroup]
) -> HttpResponse:
    """Redirect to a list, with a link to the rows that were also found."""
    return _redirect(site, request, place.url, found, "The list." if found else "")


def _open(
    site: StaffSite, request: StaffRequest, row: Any, found: list[ResultGroup]
) -> HttpResponse:
    """Redirect to the page of the one row that was meant, with a link to all results."""
    return _redirect(site, request, url_of(type(row), row.pk), found, "The one exact match.")


def _redirect(
    site: StaffSite, request: StaffRequest, url: str, found: list[ResultGroup], notice: str
) -> HttpResponse:
    if notice:
        every = f"{request.get_full_path()}&all=1"
        messages.info(
            request, format_html('{} <a href="{}">See all that was found</a>', notice, every)
        )
    _record(site, request, found)
    return HttpResponseRedirect(url)


def _record(site: StaffSite, request: StaffRequest, found: list[ResultGroup]) -> None:
    counts = {group.db_table: group.count for group in found}
    site.record(request, "search", None, after={"found": counts})


def _summary(found: list[ResultGroup], places: Sequence[MenuEntry]) -> str:
    total = sum(group.number for group in found) + len(places)
    if not total:
        return "Nothing found"
    return f"{total:,}{'+' if any(group.cut for group in found) else ''} found"
