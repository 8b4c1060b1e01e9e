"""Every page of every screen, with query strings that no browser writes.

test_malformed.py generates values for names that a list knows. Here names and bytes are odd too,
and every page gets some of each; `make attack` sends all of them.
"""

from itertools import count, islice
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch
from model_bakery import baker

from tests.attack.addresses import MODELS, PAGES, actions_of, address_of
from tests.attack.examples import TIMES
from tests.attack.test_malformed import ask, known_names
from tests.one_track import of_one_track
from veza_core.models import User

ZEROS = "00000000-0000-0000-0000-000000000000"
#: Bytes after a name: too long, NUL, a lone surrogate, not UTF-8, digits of other scripts, …
VALUES = ("x" * 8000, "%00", "a%00b", "%ed%a0%80", "%ff", "%F0%9F%92%A9", "-1", "0", "9" * 40,
          "-" + "9" * 30, "1e400", "%d9%a3", "%ef%bc%91", "%f0%9d%9f%8f", "NaN", "infinity", "",
          "2026-02-30", "%d9%a2026-01-01", "%2B1", "1_0", "null", "[]", "{}", "%27%3B--", "%25",
          "%255f", "..%2f", "~", "a~b", "2026-01-01T00:00:00%2B00:00~x", f"{ZEROS}~{ZEROS}",
          "1&{name}=2", "1;{name}=2", "&{name}[]=1", "&&=&{name}")  # fmt: skip
#: Names that other software uses: facets, popups, lookups over relations, paging, formats.
NAMES = ("_facets", "_popup", "_to_field", "_changelist_filters", "q", "o", "p", "e", "all",
         "id__in", "id__gt", "pk", "user__password_hash__startswith", "user__password__regex",
         "track__user__email__startswith", "user__roles__name", "_", "__", "%00", "a%00", "%ff",
         "x" * 500, "%f0%9d%9f%8f", "row", "next", "cursor", "after", "upto", "at", "format",
         "fields", "include", "page", "limit", "offset", "sort", "order_by", "_method")  # fmt: skip
#: Pages, besides lists, on which each of them is tried.
SOME = 2


def pages_of(model: Any, row: Any) -> dict[str, str]:
    """The URLs of a screen's pages, including those of a row."""
    action = next(iter(sorted(actions_of(model))), "none")
    arguments: dict[str, tuple[Any, ...]] = {
        "change": (row.pk,),
        "value": (row.pk, "id"),
        "selected": (action,),
        "action": (row.pk, action),
        "timeline": (row.pk,),
        "erasure": (row.pk,),
        "related": (row.pk,),
    }
    found = {}
    for page in (*PAGES, "timeline", "erasure", "related"):
        try:
            found[page] = address_of(model, page, *arguments.get(page, ()))
        except NoReverseMatch:
            assert page not in PAGES
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page(model: Any, super_admin: Client) -> None:
    names = {field.name for field in model._meta.concrete_fields}
    shaped = {"username": "somebody"} if model is User else {"slug": "a"} if "slug" in names else {}
    row = baker.make(model, **shaped, **of_one_track(model))
    known = known_names(model)
    step = count(MODELS.index(model) * SOME)
    for page, path in pages_of(model, row).items():
        asked = [*known, *NAMES] if page in ("changelist", "export") else NAMES
        tries = 3 * SOME if page == "changelist" else SOME
        for number in islice(step, tries * TIMES):
            name, value = asked[number * 7 % len(asked)], VALUES[number % len(VALUES)]
            ask(super_admin, f"{path}?{name}={value.format(name=name) if '{n' in value else value}")


OTHERS = ("/", "/admin/", "/admin/search/", "/admin/sessions/", "/admin/login/", "/healthz",
          "/admin/second-factor/", "/admin/jsi18n/", f"/admin/id/{ZEROS}/", "/metrics")  # fmt: skip


@pytest.mark.parametrize("path", OTHERS)
def test_other_pages(path: str, super_admin: Client) -> None:
    for client in (super_admin, Client()):
        for number, name in islice(enumerate(NAMES), len(path) % 5, None, 5):
            value = VALUES[(number * 5 + len(path)) % len(VALUES)]
            if "{n" not in value:
                ask(client, f"{path}?{name}={value}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_takes_no_name_that_it_does_not_know(model: Any, super_admin: Client) -> None:
    unknown = [name for name in NAMES if name not in known_names(model)]
    for name in unknown[MODELS.index(model) % 6 :: 1 if TIMES > 1 else 6]:
        answer = super_admin.get(f"{address_of(model, 'changelist')}?{name}=1")
        assert answer.status_code == 400, name
