"""The search page.

What somebody searches for is often personal data. So it is posted, and stored in their session, a
row in the database that ends with it. The page's URL has a random name for it. So no e-mail is
stored in the browser's history, in the access log of a server or a proxy, or in a page title, and
going back to the results works. The staff log gets only kinds and counts.
"""

import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.views.decorators.debug import sensitive_post_parameters

from veza_core.access import StaffRequest
from veza_core.screens.actions import kept_forms
from veza_core.screens.errors import HelpfulError, NotThereError, error_page
from veza_core.screens.labels import list_of, url_of
from veza_core.screens.links import page_at
from veza_core.screens.menu import MenuEntry, find_places, is_named
from veza_core.screens.reading import reading
from veza_core.screens.site import StaffSite

from .engine import NEWEST_ROWS
from .results import ResultGroup, find_groups, the_one
from .term import Term, read

#: Where the session stores what was searched for: pairs of name and text, oldest first.
STORED_SEARCHES = "searches"

#: The most searches in a session.
MAX_STORED_SEARCHES = 20


class ForgottenError(NotThereError):
    """A search that the session does not have."""

    title = "This search has expired"


def search_urls(site: StaffSite) -> list[URLPattern]:
    """The URL of the search page, for the site."""
    view = sensitive_post_parameters("q")(partial(search, site))
    return [
        path("search/", site.admin_view(view), name="search"),
        path("id/<uuid:key>/", site.admin_view(partial(by_id, site)), name="by_id"),
    ]


def by_id(site: StaffSite, request: StaffRequest, key: UUID) -> HttpResponse:
    """Redirect to the row with an ID, in whatever table it is."""
    try:
        with reading(site.read_alias):
            found = find_groups(request, site, read(str(key)))
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
        if before := kept_forms.take(request):
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
    stored = request.session.get(STORED_SEARCHES, [])
    request.session[STORED_SEARCHES] = [*stored, [name, term.text]][-MAX_STORED_SEARCHES:]
    return name


def stored_term(request: StaffRequest) -> Term | None:
    """The term that the URL names; None: the page without results. Raises `HelpfulError`."""
    if set(request.GET) - {"s", "all"}:
        raise HelpfulError("Use the search box: search terms must not appear in a page's address.")
    if "s" not in request.GET:
        return None
    for name, text in request.session.get(STORED_SEARCHES, []):
        if name == request.GET["s"]:
            return read(text)
    raise ForgottenError(
        "A search is kept until the session ends or you make many newer ones. Search again."
    )


def page(site: StaffSite, request: StaffRequest, term: Term | None) -> HttpResponse:
    """The page of a term's results, with an entry in the staff log; without a term, the hints."""
    found: list[ResultGroup] = []
    places: Sequence[MenuEntry] = []
    with reading(site.read_alias):
        if term is not None:
            found = find_groups(request, site, term)
            places = find_places(site, request, term.text)
            only = the_one(found, alone=not places)
            if "all" not in request.GET and only is not None:
                url = url_of(type(only), only.pk)
                return _redirect(site, request, url, found, "The one exact match.")
            places = [*_accounts_at(site, request, term.address), *places]
            if pasted := page_at(term.text, request):
                places = [MenuEntry("The page with this address", "", pasted), *places]
            if "all" not in request.GET and (place := _the_list(places, term, found)):
                notice = "The list." if found else ""
                return _redirect(site, request, place.url, found, notice)
        response = site.page(
            request,
            "veza/search/page.html",
            {
                # Without the text, because titles stay in the browser's history.
                "title": _summary(found, places) if term else "Search",
                "term": term,
                "groups": found,
                "places": places,
                "too_common": [group for group in found if group.too_common],
                "newest": f"{NEWEST_ROWS:,}",
            },
        )
        response.render()
    if term is not None:
        _record(site, request, found)
    return response


def _accounts_at(
    site: StaffSite, request: StaffRequest, address: str | None
) -> Iterator[MenuEntry]:
    """The list of the accounts that were seen at an IP address, if one was typed."""
    if address and (found := site.address_filter(request)):
        screen, one = found
        name = capfirst(str(screen.opts.verbose_name_plural))
        label = f"{name}: {one.label[:1].lower()}{one.label[1:]} {address}"
        yield MenuEntry(label, "", list_of(screen.model, address=address))


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


def _redirect(
    site: StaffSite, request: StaffRequest, url: str, found: list[ResultGroup], notice: str
) -> HttpResponse:
    """Redirect to the list or the row that was meant, with a link to all results."""
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
