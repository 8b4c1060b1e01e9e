"""Finds related accounts: by e-mail domain, IP address, or the addresses of another account.

Sessions have an index on the address. The other tables with addresses (plays, tokens: apps declare
them) have none, because they are written all the time (ADR 5). For these, the newest rows of all
accounts are searched. So an account that never signed in at an address is found if it was there
recently. For each account, the user's index counts its latest plays and tokens at these addresses,
and its sessions on a device of the first account.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q
from django.utils.html import format_html, format_html_join

from veza_core.models import User
from veza_core.screens.columns import HtmlTable
from veza_core.screens.display import declared, words
from veza_core.screens.errors import HelpfulError
from veza_core.screens.keyset import Count
from veza_core.screens.labels import list_of, model_of, url_of
from veza_core.screens.legible import name_html
from veza_core.screens.listing import user_of
from veza_core.screens.search.term import read
from veza_core.screens.states import NOBODY, UNSORTED, Criterion
from veza_core.screens.units import when

from .account_states import account_states

#: Other tables with a user's addresses, which apps declare: see `declared`.
SEEN_AT: dict[str, tuple[str, str]] = declared("seen_at")
#: Staff who may read all of these see which accounts share addresses.
SEARCHED = ("user_sessions", *SEEN_AT)
#: The newest sessions of an address that are searched: some addresses are shared by whole cities.
SESSIONS = 1_000
#: The most addresses of an account that are searched, from its latest `OWN_SESSIONS` sessions. For
#: each address, an equal part of `SESSIONS` sessions is searched.
ADDRESSES, OWN_SESSIONS = 10, 100
#: For an account that was found, the number of its latest plays, and so on, that are compared.
OF_EACH = 20
#: The number of the newest plays, and so on, of all accounts that are searched.
NEWEST_SEARCHED = 5_000
#: Accounts on the page.
MAX_ACCOUNTS = 50

#: What a client says about itself; NULL if nothing.
DEVICE = "nullif(concat_ws(' ', device_info, user_agent), '')"


def _latest(table: str, user: str, rows: str, whose: str) -> str:
    """The latest rows of a user. For ANY and the order, see `screens.lookups`."""
    return f"""(SELECT ip_address, created_at FROM {table}
        WHERE {user} = ANY (ARRAY[{whose}]::uuid[])
        ORDER BY {user}, created_at DESC LIMIT %({rows})s)"""


#: The account's latest rows of the other tables.
OTHERS = "".join(
    f" UNION ALL {_latest(table, user, 'own', '%(user)s')}" for table, (user, _) in SEEN_AT.items()
)
#: The newest rows of the other tables, of all users: the columns of `seen` below, without the
#: device.
NEWEST_ROWS = {
    table: f"""SELECT {user} AS user_id, ip_address, created_at, '{table}' AS seen_in
        FROM (SELECT {user}, ip_address, created_at FROM {table}
            ORDER BY {time} DESC LIMIT %(newest)s) AS {table}
        WHERE {user} IS NOT NULL"""
    for table, (user, time) in SEEN_AT.items()
}
#: Where the account was: the addresses of its latest rows, the latest first.
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
#: The accounts that were there, those with the most addresses first.
FOUND = f"""
    SELECT user_id, count(DISTINCT ip_address) AS addresses,
        count(*) FILTER (WHERE seen_in = 'user_sessions') AS sessions,
        count(*) FILTER (WHERE device IN (SELECT device FROM latest)) AS same_device,
        {", ".join(f"count(*) FILTER (WHERE seen_in = '{name}') AS {name}" for name in SEEN_AT)},
        max(created_at) AS last
    FROM (
        SELECT seen.* FROM place CROSS JOIN LATERAL (
            SELECT user_id, ip_address, created_at, 'user_sessions' AS seen_in, {DEVICE} AS device
            FROM user_sessions AS session
            WHERE session.ip_address = ANY (ARRAY[place.ip_address])
            ORDER BY session.ip_address, session.created_at DESC LIMIT %(each)s
        ) AS seen
        {
    "".join(
        f"UNION ALL SELECT newest.*, NULL FROM ({rows}) AS newest"
        " WHERE ip_address IN (SELECT ip_address FROM place) "
        for rows in NEWEST_ROWS.values()
    )
}
    ) AS seen
    WHERE user_id <> %(user)s
    GROUP BY user_id
"""
SEEN_WITH = f"WITH {PLACES} {FOUND}"
#: For an account that was found: its latest other rows there, in addition to the newest of all.
ALSO = "".join(
    f""" CROSS JOIN LATERAL (
        SELECT count(*) AS number, max(created_at) AS last
        FROM {_latest(table, user, "of_each", "shown.user_id")} AS theirs
        WHERE ip_address IN (SELECT ip_address FROM place)
    ) AS of_{table}"""
    for table, (user, _) in SEEN_AT.items()
)
#: The columns of an account's name and states.
STATE = ("username", "is_active", "is_banned", "is_verified", "locked_until", "failed_login_count",
         "deleted_at")  # fmt: skip
#: The first `MAX_ACCOUNTS` of them, with what the page shows, and the number of all.
SHOWN = f"""
    WITH {PLACES}
    SELECT users.id, {", ".join(STATE)}, addresses, sessions, same_device,
        {", ".join(f"greatest(shown.{name}, of_{name}.number)" for name in SEEN_AT)},
        greatest(shown.last, {", ".join(f"of_{name}.last" for name in SEEN_AT)}), shown.number
    FROM (SELECT *, count(*) OVER () AS number FROM ({FOUND}) AS found
        ORDER BY addresses DESC, same_device DESC, last DESC, user_id LIMIT %(latest)s) AS shown
    {ALSO}
    JOIN users ON users.id = user_id
    ORDER BY addresses DESC, same_device DESC, shown.last DESC, users.id
"""
#: The accounts at one address.
SEEN_THERE = f"""
    SELECT DISTINCT user_id FROM (
        (SELECT user_id FROM user_sessions WHERE ip_address = ANY (ARRAY[%(address)s::inet])
            ORDER BY ip_address, created_at DESC LIMIT %(sessions)s)
        {
    "".join(
        f"UNION ALL SELECT user_id FROM ({rows}) AS newest WHERE ip_address = %(address)s::inet "
        for rows in NEWEST_ROWS.values()
    )
}
    ) AS seen
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


def _among(statement: str, alias: str, **of: Any) -> Q:
    # As values: with a subquery, PostgreSQL might read all users.
    return Q(pk__in={pk for pk, *_ in _ask(statement, alias, **of)} or {NOBODY})


def _ask(statement: str, alias: str, **of: Any) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        **of,
        "own": OWN_SESSIONS,
        "of_each": OF_EACH,
        "addresses": ADDRESSES,
        "each": SESSIONS // ADDRESSES,
        "sessions": SESSIONS,
        "newest": NEWEST_SEARCHED,
        "latest": MAX_ACCOUNTS,
    }
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def related_context(user: User, alias: str) -> dict[str, Any]:
    """The accounts at the addresses of a user's latest sessions, with their states."""
    found = _ask(SHOWN, alias, user=user.pk)
    number = Count(found[0][-1] if found else 0)
    return {
        "heading": "Accounts with common addresses",
        "table": HtmlTable(
            [
                "Account",
                "State",
                "Addresses in common",
                "Sessions there",
                "On the same device",
                *(f"{words(name)} there" for name in _also()),
                "Last seen there",
            ],
            [_line(*row[:-1]) for row in found],
        ).html("panel-about"),
        "hint": f"This page looks at up to {ADDRESSES} addresses of this account, from its latest"
        f" {OWN_SESSIONS} sessions, {' and '.join(_also())}. It finds other accounts by the latest"
        f" {SESSIONS // ADDRESSES} sessions at each address, and by {_newest()}. It also compares"
        f" the latest {OF_EACH} of these of each account that it found. Many people can share the"
        " address of a school or a mobile network, and many devices have the same name: check"
        " before you act.",
        "all_url": list_of(User, seen_with=user.pk) if found else "",
        "nothing": "No other account used an address of this one.",
        "all_of_them": f"All {number} as a list, with actions",
    }


def _also() -> list[str]:
    """The names of the tables in addition to sessions."""
    models: Any = map(model_of, SEEN_AT)
    return [str(model._meta.verbose_name_plural) for model in models]


def _newest() -> str:
    return f"the newest {NEWEST_SEARCHED:,} {' and '.join(_also())} of all accounts"


def _line(pk: UUID, *row: Any) -> Sequence[Any]:
    states, (*counts, last) = row[: len(STATE)], row[len(STATE) :]
    account = User(pk=pk, **dict(zip(STATE, states, strict=True)))
    return (
        format_html('<a href="{}">{}</a>', url_of(User, pk), name_html(account.username)),
        format_html_join(" ", "{}", ((state,) for state in account_states(account))),
        *counts,
        when(last),
    )


CRITERIA = (
    Criterion(
        "domain",
        "E-mail domain",
        _domain,
        lambda domain, alias: Q(email__domain__any_of=domain),
        "-created_at",
        "email__domain",
    ),
    Criterion(
        "address",
        "Seen at IP address",
        _address,
        lambda address, alias: _among(SEEN_THERE, alias, address=address),
        UNSORTED,
        "id",
        SEARCHED,
        hint=f"Accounts with one of the latest {SESSIONS:,} sessions there, or one of {_newest()}.",
    ),
    Criterion(
        "seen_with",
        "Seen where this account was",
        user_of,
        lambda user, alias: _among(SEEN_WITH, alias, user=user),
        UNSORTED,
        "id",
        SEARCHED,
        User,
    ),
)
