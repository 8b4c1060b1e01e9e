"""Every finder uses its own index, whatever the planner estimates for the tables.

This is tested in two ways. First with live statistics of large tables, where the index must have
the lowest cost. Then with sequential scans disabled, as on pages, where PostgreSQL would otherwise
use another index. So the plan must use the finder's own index, with a condition on its column.
Searches for parts are only tested with the settings of pages: for 50 rows of a part that it
estimates as common, the planner would read the table's beginning.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.admin.plans import nodes
from tests.admin.searching import MODELS, SEARCH
from veza_core.screens.search.engine import NEWEST_ROWS
from veza_core.screens.search.finders import ID, Finder
from veza_core.screens.search.term import read

pytestmark = pytest.mark.django_db

#: Rows of each large table. A sequential scan of so many rows costs more than any finder.
ROWS = 5_000

SMALL = {"roles", "permissions"}

LARGE = {
    "users", "federated_identities", "refresh_tokens", "password_reset_tokens", "user_sessions",
    "email_verification_tokens", "tracks", "playlists", "rooms", "track_shares",
}  # fmt: skip

ID_OF_NOTHING = "5f1a3b0e-8a5d-4a53-9f0e-3a4b8f3f2c11"

FILL = """
INSERT INTO users (email, username, slug)
  SELECT 'u' || g || '@mail' || g % 7 || '.example', 'name_' || left(md5(g::text), 12), 'slug-' || g
  FROM generate_series(1, {rows}) g;
CREATE TEMPORARY TABLE someone AS SELECT id AS user_id, email, username FROM users;
INSERT INTO federated_identities (user_id, provider, provider_user_id, email)
  SELECT user_id, 'google', user_id::text, 'g' || email FROM someone;
INSERT INTO refresh_tokens (user_id, token_hash, expires_at)
  SELECT user_id, md5(user_id::text), now() FROM someone;
INSERT INTO password_reset_tokens (user_id, token_hash, expires_at)
  SELECT user_id, md5(user_id::text), now() FROM someone;
INSERT INTO email_verification_tokens (user_id, email, token_hash, expires_at)
  SELECT user_id, email, md5(user_id::text), now() FROM someone;
INSERT INTO user_sessions (user_id, token_hash, expires_at, ip_address)
  SELECT user_id, md5(user_id::text), now(), '10.0.0.0'::inet + (random() * 5000)::int FROM someone;
INSERT INTO tracks (user_id, title, artist, slug, file_path)
  SELECT user_id, 'The ' || md5(email), 'The ' || md5(username), md5(user_id::text), '/f'
  FROM someone;
INSERT INTO playlists (user_id, title, slug)
  SELECT user_id, 'The ' || md5(email), md5(user_id::text) FROM someone;
INSERT INTO rooms (creator_id, name) SELECT user_id, md5(email) FROM someone;
INSERT INTO track_shares (track_id, user_id, token_hash)
  SELECT id, user_id, md5(id::text) FROM tracks;
DROP TABLE someone;
ANALYZE users, federated_identities, refresh_tokens, password_reset_tokens, user_sessions,
  email_verification_tokens, tracks, playlists, rooms, track_shares;
"""


@pytest.fixture
def large(db: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=ROWS))


def finders() -> Iterator[tuple[type[Model], Finder]]:
    # Registers the screens.
    import_module(settings.ROOT_URLCONF)
    for model, screen in admin.site._registry.items():
        for finder in getattr(screen, "finders", ()):
            yield model, finder


def a_value(model: type[Model], finder: Finder) -> str:
    """A value of the finder's column in the table."""
    value = model._base_manager.filter(finder.where).values_list(finder.column, flat=True).first()
    value = str(value or "10.0.0.9")
    return value.partition("@")[2] if finder.lookup == "domain" else value


def plan_of(query: str, *parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", parameters or None)
        return list(nodes(json.loads(json.dumps(cursor.fetchone()[0]))[0]["Plan"]))


def forbid_sequential_scans() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")


def expected_index(model: type[Model], finder: Finder) -> str:
    """The name of a finder's index, by the Standard."""
    suffixes = {"icontains": "_trgm", "iexact": "_upper", "istartswith": "_prefix",
                "domain": "_domain"}  # fmt: skip
    suffix = suffixes.get(finder.lookup, "")
    if (model._meta.db_table, finder.column, suffix) == ("tracks", "title", "_upper"):
        # The first of the indexes on a title's words has the whole title.
        suffix = "_word1"
    if (model._meta.db_table, finder.column, suffix) == ("users", "email", "_upper"):
        # A beginning that is the whole value.
        suffix = "_prefix"
    order = "_" + finder.order.removeprefix("-") if finder.order else ""
    if finder.column == "provider_user_id":
        return "idx_federated_identities_provider_provider_user_id"
    return f"idx_{model._meta.db_table}_{finder.column}{suffix}{order}"


def check(model: type[Model], finder: Finder) -> None:
    term = read(a_value(model, finder))
    assert finder.value(term) is not None, term
    sql, parameters = finder.rows(model, "default", term, 0).query.sql_with_params()
    plan = plan_of(sql, *parameters)
    scans = [node for node in plan if "Index Name" in node]
    if finder.column == "provider_user_id":
        # The values of the column before it, one after the other.
        *known, scan = sorted(scans, key=lambda node: finder.column in node["Index Cond"])
        scans = [scan]
        # EXPLAIN does not always show the step from one to the next.
        assert {node["Index Name"] for node in known} == {expected_index(model, finder)}
        assert all(node["Index Cond"].startswith("(provider > ") for node in known)
    assert [node for node in plan if node["Node Type"] == "Seq Scan"] == []
    assert [node["Index Name"] for node in scans] == [expected_index(model, finder)]
    assert finder.column in scans[0]["Index Cond"]
    assert ("Sort" in [node["Node Type"] for node in plan]) is False


def test_every_finder(large: None, subtests: Any) -> None:
    whole = [
        (model, finder)
        for model, finder in finders()
        if not finder.is_part and model._meta.db_table not in SMALL
    ]
    assert len(whole) == 19
    for model, finder in whole:
        with subtests.test("live statistics", model=model._meta.db_table, column=finder.column):
            check(model, finder)
    forbid_sequential_scans()
    for model, finder in finders():
        with subtests.test("as the pages read", model=model._meta.db_table, column=finder.column):
            check(model, finder)


def test_an_address_of_very_many_sessions_is_not_sorted(large: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE user_sessions SET ip_address = '192.0.2.1'; ANALYZE user_sessions")
    (model, finder), *_ = [one for one in finders() if one[1].wants == "address"]
    sql, parameters = finder.rows(model, "default", read("192.0.2.1"), 0).query.sql_with_params()
    plan = plan_of(sql, *parameters)
    assert [node["Node Type"] for node in plan][-1] in ("Index Scan", "Index Only Scan")
    assert "Sort" not in [node["Node Type"] for node in plan]


def test_ids(db: Any, subtests: Any) -> None:
    forbid_sequential_scans()
    term = read(ID_OF_NOTHING)
    for model in MODELS:
        sql, parameters = ID.rows(model, "default", term, 0).query.sql_with_params()
        with subtests.test(model=model._meta.db_table):
            (scan,) = [node for node in plan_of(sql, *parameters) if "Relation Name" in node]
            assert scan["Index Name"] == f"{model._meta.db_table}_pkey"
            assert "id = " in scan["Index Cond"]


def test_a_common_part_still_goes_through_its_index(large: None) -> None:
    """ "the" is in every title: the rows are bounded, and the page forbids what reads the table."""
    forbid_sequential_scans()
    tracks = next(model for model in MODELS if model._meta.db_table == "tracks")
    (finder, _) = [one for model, one in finders() if model is tracks and one.is_part]
    sql, parameters = finder.rows(tracks, "default", read("the"), 0).query.sql_with_params()
    plan = plan_of(sql, *parameters)
    assert [node["Index Name"] for node in plan if "Index Name" in node] == [
        "idx_tracks_title_trgm"
    ]
    assert plan[0]["Node Type"] == "Limit"


def test_whole_pages(large: None, browser: Client) -> None:
    """All queries of a search, those for permissions and sessions included."""
    with CaptureQueriesContext(connection) as queries:
        for text in ("u77@mail0.example", "name_", "10.0.0.9", "u777", md5_of("u"), ID_OF_NOTHING):
            assert browser.post(SEARCH, {"q": text}, follow=True).status_code == 200
    forbid_sequential_scans()
    reads = [
        query["sql"] for query in queries if re.match(r"\(*SELECT (?!set_config)", query["sql"])
    ]
    assert len(reads) > 20
    for sql in reads:
        for node in plan_of(sql):
            if node.get("Relation Name") in LARGE:
                assert node["Node Type"] != "Seq Scan", sql
                if f"LIMIT {NEWEST_ROWS}) subquery" in sql:
                    assert node["Index Name"].endswith("_created_at"), sql
                    continue
                assert {"Index Cond", "Recheck Cond"} & node.keys(), sql


def md5_of(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
