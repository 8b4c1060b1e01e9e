"""No page reads a whole table, by the plans of each page's real queries, and by the rows read.

A plan without a sequential scan can still read a whole index. So the rows that each scan reads are
counted, including those that it discards.
"""

import pytest
from django.db.models import Model
from django.test import Client

from benchmarks.admin.cases import cases
from benchmarks.admin.every import every
from tests.admin.addresses import dated, list_of, page_of, questions, screen_of
from tests.admin.crowd import MODELS, Crowd
from tests.admin.plans import captured, nodes, plan_of, queries_in, rows_read, use_sequential_scans
from veza_core.admin import content_actions, related
from veza_core.models import User
from veza_core.operations.purge import erasure
from veza_core.screens import keyset, panels, unsorted
from veza_core.screens.actions.addresses import action_url
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.reading import reading
from veza_site.support import daily, overview
from veza_streaming.admin import plays
from veza_streaming.models import PlaybackAnalytics, Track, TrackComment

# Without the mark, pytest-django would not make the tests' database for this module alone.
pytestmark = pytest.mark.django_db

#: Tables that a page may read completely, because they have few rows on any platform. Or few in the
#: crowd, because a user can have at most one row.
SMALL = {"roles", "permissions", "role_permissions", "user_roles", "user_profiles", "user_settings",
         "veza_site_dailycount", "veza_site_counteduntil", "veza_site_stafflogentry",
         "veza_site_note"}  # fmt: skip

#: What pages count, look through and chart, made small: the tables of the crowd then are large.
BOUND = 400

#: What one scan may read: PostgreSQL may find a window's bounds by another index than the key's,
#: where both are near. And how often it may be begun again: for each state of the queue.
MOST, LOOPS = 3 * BOUND, 2

BOUNDS = {
    keyset: ("COUNT_LIMIT", "WINDOW"),
    unsorted: ("COUNT_LIMIT",),
    panels: ("PANEL_COUNT_LIMIT", "LOOKED_THROUGH", "THROUGH"),
    overview: ("COUNT_LIMIT", "OLDEST_JOBS"),
    plays: ("CHART_LIMIT",),
    daily: ("STEP",),
    related: ("SESSIONS", "NEWEST_SEARCHED"),
}


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in BOUNDS.items():
        for name in names:
            monkeypatch.setattr(module, name, BOUND)
    # The names behind two foreign keys of 50 rows each are a share of the crowd's users that
    # PostgreSQL 15 would rather read all of.
    monkeypatch.setattr(InspectionAdmin, "list_per_page", 20)


parametrize = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


#: Those of the sign-in are the same for all pages.
examined: set[str] = set()


def examine(statements: list[str]) -> None:
    """Fail for a sequential scan of a table that may be large, and for a scan of many rows.

    With the settings of pages and with PostgreSQL's defaults, because plans must not depend on
    the settings.
    """
    for statement in dict.fromkeys(statements):
        if not statement.lstrip("( \n").startswith(("SELECT", "WITH")) or "set_config" in statement:
            continue
        if statement in examined or "django_session" in statement or "staffsession" in statement:
            continue
        examined.add(statement)
        for allowed in (False, True):
            use_sequential_scans(allowed)
            for node in nodes(plan_of(statement)):
                if node.get("Relation Name", "") in {"", *SMALL}:
                    continue
                told = f"{node}\n{statement}"
                assert node["Node Type"] != "Seq Scan", told
                assert rows_read(node) <= MOST, told
                assert rows_read(node) * node["Actual Loops"] <= LOOPS * MOST, told


@parametrize
def test_lists(model: type[Model], crowd: Crowd, crowd_browser: Client) -> None:
    for question in questions(model, crowd):
        response, statements = captured(crowd_browser, list_of(model, **question))
        assert response.status_code == 200, question
        assert len(queries_in(statements)) <= 15, statements
        examine(statements)


@parametrize
def test_lists_with_dates(model: type[Model], crowd: Crowd, crowd_browser: Client) -> None:
    for asked in list(questions(model, crowd))[:6]:
        for question in dated(asked):
            response, statements = captured(crowd_browser, list_of(model, **question))
            # A jump to a day is refused if the list is sorted by name or position.
            refused = "jump" in question and b"not sorted by time" in response.content
            assert response.status_code == 200 or refused, question
            assert len(queries_in(statements)) <= 15, statements
            examine(statements)


@parametrize
def test_pages(model: type[Model], crowd: Crowd, crowd_browser: Client) -> None:
    for pk in crowd.ids[model]:
        response, statements = captured(crowd_browser, page_of(model, pk))
        assert response.status_code == 200
        assert len(queries_in(statements)) <= 15, statements
        examine(statements)


@parametrize
def test_the_middle(model: type[Model], crowd: Crowd, crowd_browser: Client) -> None:
    """A page in the middle costs as much as the first one."""
    screen = screen_of(model)
    row = screen.get_queryset(None).get(pk=crowd.usual(model))
    order = screen.parameters().order.removeprefix("-")
    cursor = f"{getattr(row, order).isoformat()}~{row.pk}" if order.endswith("_at") else None
    if cursor is None:
        cursor = str(row.pk) if order == "id" else f"{getattr(row, order)}~{row.pk}"
    for name in ("after", "from", "before", "upto"):
        response, statements = captured(crowd_browser, list_of(model, **{name: cursor}))
        assert response.status_code == 200
        examine(statements)


def test_content_of_a_user(
    crowd: Crowd, crowd_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a user who owns half of each table."""
    monkeypatch.setattr(content_actions, "MOST_CONTENT", BOUND)
    for pk in crowd.ids[User]:
        url = action_url(User, pk, "delete_content")
        response, statements = captured(crowd_browser, url)
        assert response.status_code in (200, 409)
        assert len(queries_in(statements)) <= 15, statements
        examine(statements)


@pytest.mark.parametrize("name", ["erasure", "related"])
def test_pages_about_an_account(
    name: str, crowd: Crowd, crowd_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read only the rows that they count, and the sessions of the addresses that they show."""
    monkeypatch.setattr(erasure, "MAX_COUNTED", BOUND)
    for pk in crowd.ids[User]:
        answer, statements = captured(crowd_browser, f"{page_of(User, pk)}{name}/")
        assert answer.status_code == 200
        assert len(queries_in(statements)) <= 15, statements
        examined = [sql for sql in statements if "gone " in sql or "addresses" in sql]
        assert examined
        examine(examined)


def test_start_page(crowd: Crowd, crowd_browser: Client) -> None:
    for _ in range(2):
        response, statements = captured(crowd_browser, "/admin/")
        assert response.status_code == 200
        assert len(queries_in(statements)) <= 15, statements
        examine(statements)
    assert "New users" in response.content.decode()


def test_what_is_measured_is_answered(crowd: Crowd, crowd_browser: Client) -> None:
    """Open the pages of `make bench-admin`, because nobody runs that with every change."""
    for case in (*cases(), *(case for _, pages in every() for case in pages)):
        assert crowd_browser.get(case.url).status_code == 200, case


@pytest.mark.parametrize("model", [Track, TrackComment, PlaybackAnalytics])
def test_one_key_is_found_by_its_own_index(
    model: type[Model], crowd: Crowd, crowd_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a frequent key, whose rows PostgreSQL might search among the newest rows of all."""
    monkeypatch.setattr(keyset, "COUNT_LIMIT", 5_000)
    monkeypatch.setattr(keyset, "WINDOW", 5_000)
    for name in ("user", "track"):
        if name not in screen_of(model).keys:
            continue
        value = crowd.hot(model._meta.get_field(name).related_model)
        _, statements = captured(crowd_browser, list_of(model, **{name: value}))
        # As pages do: an estimate may otherwise find that sorting all of the key's rows is as good.
        with reading("default"):
            pass
        key = f'"{model._meta.db_table}"."{name}_id" = '
        asked = [one for one in statements if key in one]
        assert len(asked) == 2, "the rows, and their count"
        for statement in asked:
            scans = [node for node in nodes(plan_of(statement)) if "Relation Name" in node]
            assert [f"_{name}_id_" in scan.get("Index Name", "") for scan in scans] == [True], scans
