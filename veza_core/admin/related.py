"""Accounts that belong together: of an e-mail domain, seen at an address, seen where another was.

The account's sessions, and the tables that apps declare (plays, tokens), give its addresses. Only
sessions give the other accounts: they alone have an index by address (ADR 5). Of each account that
is found, its latest plays and tokens at these addresses are counted, by the user's index, and its
sessions on a device of the first account.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections
from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from veza_core.models import User, UserSession
from veza_core.screens.columns import HtmlTable
from veza_core.screens.criteria import NOBODY, Criterion
from veza_core.screens.display import declared, when, words
from veza_core.screens.errors import HelpfulError
from veza_core.screens.keyset import Count
from veza_core.screens.labels import list_of, url_of
from veza_core.screens.legible import name_html
from veza_core.screens.listing import user_of
from veza_core.screens.search.term import read
from veza_core.screens.states import UNSORTED

from .account_states import account_states

#: Beside sessions, what an app knows of where a user was: see `declared`.
SEEN_AT: dict[str, str] = declared("seen_at")
#: Who may read all of them sees which accounts were where another one was.
TABLES = ("user_sessions", *SEEN_AT)
#: Sessions of an address that are looked into, the newest: behind some are whole cities.
SESSIONS = 1_000
#: Of an account, so many addresses are looked at, those of its latest `OWN_SESSIONS` sessions; at
#: each, as many sessions as make `SESSIONS` together.
ADDRESSES, OWN_SESSIONS = 10, 100
#: Of an account that was found, so many of its latest plays, and so on, are compared.
OF_EACH = 20
#: Accounts on their page.
LATEST = 50

#: What a client says that it is, all of it; NULL: it says nothing.
DEVICE = "nullif(concat_ws(' ', device_info, user_agent), '')"


def _latest(table: str, user: str, rows: str, whose: str) -> str:
    """The latest rows of a user. ANY and the order: see `screens.lookups`."""
    return f"""(SELECT ip_address, created_at FROM {table}
        WHERE {user} = ANY (ARRAY[{whose}]::uuid[])
        ORDER BY {user}, created_at DESC LIMIT %({rows})s)"""


#: The account's latest rows of the other tables.
OTHERS = "".join(
    f" UNION ALL {_latest(table, user, 'own', '%(user)s')}" for table, user in SEEN_AT.items()
)
#: Where the account was: the addresses of its latest rows, the last first.
PLACES = f"""
    latest AS MATERIALIZED (
        SELECT ip_address, created_at, {DEVICE} AS device FROM user_sessions
        WHERE user_id = ANY (ARRAY[%(user)s]::uuid[])
        ORDER BY user_id, created_at DESC LIMIT %(own)s
    ), place AS MATERIALIZED (
        SELECT ip_address FROM (
            SELECT ip_address, created_at FROM latest {OTHERS}
        ) AS own
        WHERE ip_address IS NOT NULL
        GROUP BY ip_address ORDER BY max(created_at) DESC LIMIT %(addresses)s
    )
"""
#: The accounts with sessions there: those with most of the addresses first.
FOUND = f"""
    SELECT user_id, count(DISTINCT ip_address) AS addresses, count(*) AS sessions,
        count(*) FILTER (WHERE device IN (SELECT device FROM latest)) AS same_device,
        max(created_at) AS last
    FROM place
    CROSS JOIN LATERAL (
        SELECT user_id, created_at, {DEVICE} AS device FROM user_sessions AS session
        WHERE session.ip_address = ANY (ARRAY[place.ip_address])
        ORDER BY session.ip_address, session.created_at DESC LIMIT %(each)s
    ) AS seen
    WHERE user_id <> %(user)s
    GROUP BY user_id
"""
SEEN_WITH = f"WITH {PLACES} {FOUND}"
#: Of an account that was found, how many of its latest other rows were there, too.
ALSO = "".join(
    f", (SELECT count(*) FROM {_latest(table, user, 'of_each', 'shown.user_id')} AS theirs"
    " WHERE ip_address IN (SELECT ip_address FROM place))"
    for table, user in SEEN_AT.items()
)
#: What an account's name and states are made of.
STATE = ("username", "is_active", "is_banned", "is_verified", "locked_until", "deleted_at")
#: The first of them with what their page shows, and how many there are.
SHOWN = f"""
    WITH {PLACES}
    SELECT users.id, {", ".join(STATE)}, addresses, sessions, same_device{ALSO}, last, number
    FROM (SELECT *, count(*) OVER () AS number FROM ({FOUND}) AS found
        ORDER BY addresses DESC, same_device DESC, last DESC, user_id LIMIT %(latest)s) AS shown
    JOIN users ON users.id = user_id
    ORDER BY addresses DESC, same_device DESC, last DESC, users.id
"""


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


def _seen_with(user: UUID, alias: str) -> Q:
    return Q(pk__in={pk for pk, *_ in _ask(SEEN_WITH, user, alias)} or {NOBODY})


def _ask(statement: str, user: UUID, alias: str) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {
        "user": user,
        "own": OWN_SESSIONS,
        "of_each": OF_EACH,
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
                *(f"{words(name)} there" for name in _also()),
                "Last signed in there",
            ],
            [_line(*row[:-1]) for row in found],
        ),
        "hint": f"By the latest {OWN_SESSIONS} sessions, {' and '.join(_also())} of this account,"
        f" {ADDRESSES} addresses at most, and the latest {SESSIONS // ADDRESSES} sessions at each;"
        f" of each account its latest {OF_EACH} {' and '.join(_also())} are compared. Many people"
        " can share the address of a school or a mobile network, and many devices have the same"
        " name: check before you act.",
        "all_url": f"{list_of(User)}?{urlencode({'seen_with': str(user.pk)})}" if found else "",
        "nothing": "No other account was seen at an address of this one.",
        "all_of_them": f"All {number} as a list, with actions",
    }


def _also() -> list[str]:
    """What apps know beside sessions, as people call it."""
    names = {model._meta.db_table: model._meta.verbose_name_plural for model in apps.get_models()}
    return [str(names[table]) for table in SEEN_AT]


def _line(pk: UUID, *row: Any) -> Sequence[Any]:
    """An account, as its page shows it."""
    states, (*counts, last) = row[: len(STATE)], row[len(STATE) :]
    account = User(pk=pk, **dict(zip(STATE, states, strict=True)))
    return (
        format_html('<a href="{}">{}</a>', url_of(User, pk), name_html(account.username)),
        format_html_join(" ", "{}", ((state,) for state in account_states(account))),
        *counts,
        when(last),
    )


CRITERIA = (
    Criterion("domain", "E-mail domain", _domain, _of_domain, "-created_at", "email__domain"),
    Criterion(
        "address",
        "Signed in from IP address",
        _address,
        _seen_at,
        UNSORTED,
        "id",
        ("user_sessions",),
    ),
    Criterion(
        "seen_with",
        "Seen where this account was",
        user_of,
        _seen_with,
        UNSORTED,
        "id",
        TABLES,
        User,
    ),
)


def accounts_link(address: str) -> SafeString:
    """The way to all accounts that signed in from an IP address."""
    url = f"{list_of(User)}?{urlencode({'address': address})}"
    return format_html('<a href="{}">Accounts that signed in from {}</a>', url, address)
