"""Accounts that belong together: of an e-mail domain, seen at an address, seen where another was.

Sessions alone are looked into: an index finds those of an address. Plays and tokens have none, as
none has devices; it would cost every play more than such a question is worth. Of the sessions that
were found at an address, those on a device of the account's own are counted.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from veza_core.models import User, UserSession
from veza_core.screens.columns import HtmlTable
from veza_core.screens.criteria import Criterion
from veza_core.screens.display import when
from veza_core.screens.errors import HelpfulError
from veza_core.screens.keyset import Count
from veza_core.screens.labels import list_of, url_of
from veza_core.screens.legible import name_html
from veza_core.screens.listing import user_named
from veza_core.screens.search.term import read
from veza_core.screens.states import UNSORTED

from .account_states import account_states

#: Sessions of an address that are looked into, the newest: behind some are whole cities.
SESSIONS = 1_000
#: Of an account, so many addresses are looked at, those of its latest `OWN_SESSIONS` sessions; at
#: each, as many sessions as make `SESSIONS` together.
ADDRESSES, OWN_SESSIONS = 10, 100
#: Accounts on their page.
LATEST = 50

#: What a client says that it is, all of it; NULL: it says nothing.
DEVICE = "nullif(concat_ws(' ', device_info, user_agent), '')"
#: The accounts with sessions at the addresses of one account: those with most of the addresses
#: first. ANY and the orders: see `screens.lookups`.
SEEN_WITH = f"""
    WITH latest AS MATERIALIZED (
        SELECT ip_address, {DEVICE} AS device FROM user_sessions
        WHERE user_id = ANY (ARRAY[%(user)s]::uuid[])
        ORDER BY user_id, created_at DESC LIMIT %(own)s
    )
    SELECT user_id, count(DISTINCT ip_address) AS addresses, count(*) AS sessions,
        count(*) FILTER (WHERE device IN (SELECT device FROM latest)) AS same_device,
        max(created_at) AS last
    FROM (SELECT DISTINCT ip_address FROM latest WHERE ip_address IS NOT NULL
        LIMIT %(addresses)s) AS place
    CROSS JOIN LATERAL (
        SELECT user_id, created_at, {DEVICE} AS device FROM user_sessions AS session
        WHERE session.ip_address = ANY (ARRAY[place.ip_address])
        ORDER BY session.ip_address, session.created_at DESC LIMIT %(each)s
    ) AS seen
    WHERE user_id <> %(user)s
    GROUP BY user_id
"""
#: What an account's name and states are made of.
STATE = ("username", "is_active", "is_banned", "is_verified", "locked_until", "deleted_at")
#: The first of them with what their page shows, and how many there are.
SHOWN = f"""
    SELECT users.id, {", ".join(STATE)}, addresses, sessions, same_device, last, number
    FROM (SELECT *, count(*) OVER () AS number FROM ({SEEN_WITH}) AS found
        ORDER BY addresses DESC, same_device DESC, last DESC, user_id LIMIT %(latest)s) AS shown
    JOIN users ON users.id = user_id
    ORDER BY addresses DESC, same_device DESC, last DESC, users.id
"""
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


def _user(text: str) -> UUID:
    found: UUID = user_named(text) or UUID(text)
    return found


def _seen_with(user: UUID, alias: str) -> Q:
    return Q(pk__in={pk for pk, *_ in _ask(SEEN_WITH, user, alias)} or {NOBODY})


def _ask(statement: str, user: UUID, alias: str) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {
        "user": user,
        "own": OWN_SESSIONS,
        "addresses": ADDRESSES,
        "each": SESSIONS // ADDRESSES,
        "latest": LATEST,
    }
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, asked)
        return list(cursor.fetchall())


def related_context(user: User, alias: str) -> dict[str, Any]:
    """The accounts seen at the addresses of a user's latest sessions, with their states."""
    found = _ask(SHOWN, user.pk, alias)
    number = Count(found[0][-1] if found else 0)
    return {
        "heading": "By addresses in common",
        "table": HtmlTable(
            [
                "Account",
                "State",
                "Addresses in common",
                "Sessions there",
                "On the same device",
                "Last seen there",
            ],
            [_line(*row[:-1]) for row in found],
        ),
        "hint": f"By the latest {OWN_SESSIONS} sessions of this account, {ADDRESSES} addresses at"
        f" most, and the latest {SESSIONS // ADDRESSES} sessions at each. An address can be that of"
        " a school or a mobile network, and many devices say the same of themselves: look before"
        " you act.",
        "all_url": f"{list_of(User)}?{urlencode({'seen_with': str(user.pk)})}" if found else "",
        "nothing": "No other account was seen at an address of this one.",
        "all_of_them": f"All {number} as a list, with actions",
    }


def _line(pk: UUID, *row: Any) -> Sequence[Any]:
    """An account, as its page shows it."""
    *states, addresses, sessions, same_device, last = row
    account = User(pk=pk, **dict(zip(STATE, states, strict=True)))
    return (
        format_html('<a href="{}">{}</a>', url_of(User, pk), name_html(account.username)),
        format_html_join(" ", "{}", ((state,) for state in account_states(account))),
        addresses,
        sessions,
        same_device,
        when(last),
    )


CRITERIA = (
    Criterion("domain", "E-mail domain", _domain, _of_domain, "-created_at", "email__domain"),
    Criterion(
        "address", "Signed in from IP address", _address, _seen_at, UNSORTED, "id", "user_sessions"
    ),
    Criterion(
        "seen_with",
        "Seen where this account was",
        _user,
        _seen_with,
        UNSORTED,
        "id",
        "user_sessions",
    ),
)


def accounts_link(address: str) -> SafeString:
    """The way to all accounts that signed in from an IP address."""
    url = f"{list_of(User)}?{urlencode({'address': address})}"
    return format_html('<a href="{}">Accounts that signed in from {}</a>', url, address)
