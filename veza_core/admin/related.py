"""Accounts that belong together: those of an e-mail domain, and those seen at an address.

Sessions alone are looked into: an index finds those of an address. Plays and tokens have none, as
none has devices; it would cost every play more than such a question is worth.
"""

from uuid import UUID

from django.db.models import Q
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from veza_core.models import User, UserSession
from veza_core.screens.criteria import Criterion
from veza_core.screens.errors import HelpfulError
from veza_core.screens.labels import list_of
from veza_core.screens.search.term import read
from veza_core.screens.states import UNSORTED

#: Sessions of an address that are looked into, the newest: behind some are whole cities.
SESSIONS = 1_000
#: The ID of no row.
NOBODY = UUID(int=0)


def _domain(text: str) -> str:
    domain = read(text.strip()).domain
    if domain is None:
        raise HelpfulError(f"“{text[:40]}” is not a domain, like example.com.")
    return domain


def _address(text: str) -> str:
    address = read(text.strip()).address
    if address is None:
        raise HelpfulError(f"“{text[:40]}” is not an IP address.")
    return address


def _of_domain(domain: str, alias: str) -> Q:
    return Q(email__domain__any_of=domain)


def _seen_at(address: str, alias: str) -> Q:
    sessions = UserSession.objects.using(alias).filter(ip_address__any_of=address)
    newest = sessions.order_by("ip_address", "-created_at").values_list("user_id", flat=True)
    # As values: over a subquery PostgreSQL may walk through all users.
    return Q(pk__in=set(newest[:SESSIONS]) or {NOBODY})


CRITERIA = (
    Criterion("domain", "E-mail domain", _domain, _of_domain, "-created_at", "email__domain"),
    Criterion(
        "address", "Signed in from IP address", _address, _seen_at, UNSORTED, "id", "user_sessions"
    ),
)


def accounts_link(address: str) -> SafeString:
    """The way to all accounts that signed in from an IP address."""
    url = f"{list_of(User)}?{urlencode({'address': address})}"
    return format_html('<a href="{}">Accounts that signed in from {}</a>', url, address)
