"""Every kind of page with hostile rows is inert, accessible, and legible on a phone."""

import pytest
from playwright.sync_api import Page, expect

from tests.attack.addresses import MODELS, actions_of, address_of
from tests.attack.payloads import KINDS, SHAPES, Hostile
from tests.browser.checks import check, check_columns, check_density, check_tables, check_widths
from tests.browser.rows import connect, fetch, insert_hostile
from tests.browser.watch import Watch
from veza_core.models import User
from veza_streaming.models import Track


@pytest.fixture(scope="package")
def odd(database: str) -> dict[str, Hostile]:
    """Rows with all kinds of hostile and malformed text, by the kind."""
    return {kind: insert_hostile(database, kind) for kind in (*SHAPES, *KINDS)}


@pytest.fixture(scope="package")
def hostile(odd: dict[str, Hostile]) -> Hostile:
    """The rows with markup as text."""
    return odd["markup"]


parametrize = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@parametrize
def test_screen(model: type, hostile: Hostile, staff: Page) -> None:
    staff.set_viewport_size({"width": 1440, "height": 900})
    staff.goto(address_of(model, "changelist"))
    check_density(staff)
    check_columns(staff)
    check(staff)
    staff.goto(address_of(model, "change", hostile.keys[model._meta.db_table]))
    check(staff)


@parametrize
def test_text_without_a_break(model: type, odd: dict[str, Hostile], staff: Page) -> None:
    """It makes no page wider, and the row's text is not in the window's title. The lists of
    `test_screen` have these rows, too.
    """
    staff.goto(address_of(model, "change", odd["unbroken"].keys[model._meta.db_table]))
    check_widths(staff)
    assert "WW" not in staff.title()


@pytest.mark.parametrize("table", ["users", "tracks"])
def test_columns_of_panels(table: str, database: str, hostile: Hostile, staff: Page) -> None:
    """On the page of the user with the most rows, and of a row with hostile text."""
    busy = "SELECT track_id, user_id FROM track_plays WHERE user_id IS NOT NULL GROUP BY 1, 2"
    track, user = fetch(database, f"{busy} ORDER BY count(*) DESC LIMIT 1")
    model, pk = (User, user) if table == "users" else (Track, track)
    for key in (pk, hostile.keys[table]):
        staff.goto(address_of(model, "change", key))
        check_columns(staff)


def test_all_states_at_once(database: str, staff: Page) -> None:
    """No badge is cut, on the start page and in lists, and no IPv6 address makes a list wider."""
    with connect(database) as connection:
        connection.execute(
            "UPDATE users SET is_banned = true, is_active = false, is_verified = false,"
            " locked_until = now() + interval '1 day', failed_login_count = 0 WHERE id IN"
            " (SELECT id FROM users WHERE role = 'user' ORDER BY created_at DESC LIMIT 3)"
        )
        connection.execute(
            "UPDATE user_sessions SET ip_address = '2001:db8:85a3:8d3:1319:8a2e:3704:7348'"
            " WHERE id IN (SELECT id FROM user_sessions ORDER BY expires_at DESC LIMIT 3)"
        )
    for path in ("/admin/", "/admin/veza_core/user/", "/admin/veza_core/usersession/"):
        staff.goto(path)
        check_columns(staff)
        staff.set_viewport_size({"width": 1440, "height": 900})
        check_tables(staff)
        check_widths(staff)


def test_columns_of_results(hostile: Hostile, staff: Page) -> None:
    staff.goto("/admin/search/")
    for text in ("remix", "ember"):
        staff.get_by_label("Search everything").fill(text)
        staff.keyboard.press("Enter")
        expect(staff.get_by_role("heading", name="Tracks", exact=True)).to_be_visible()
        check_columns(staff)


def test_start_page(hostile: Hostile, staff: Page) -> None:
    staff.goto("/admin/")
    check_columns(staff)
    check(staff)


def test_sessions(hostile: Hostile, staff: Page) -> None:
    staff.goto("/admin/sessions/")
    check(staff)


@pytest.mark.parametrize("action", sorted(actions_of(User)))
def test_action(action: str, hostile: Hostile, staff: Page, staff_watch: Watch) -> None:
    staff_watch.expected = ["status of 409"]
    staff.goto(address_of(User, "action", hostile.keys["users"], action))
    check(staff)
    if staff.get_by_role("link", name="Cancel").count():
        staff.locator(".submit-row input[type=submit]").click()
        expect(staff.get_by_role("alert")).to_be_visible()
        check(staff)


@pytest.mark.parametrize("about", ["erasure", "related"])
def test_about_an_account(about: str, hostile: Hostile, staff: Page) -> None:
    staff.goto(address_of(User, about, hostile.keys["users"]))
    check(staff)


def test_export(hostile: Hostile, staff: Page) -> None:
    staff.goto(address_of(User, "export"))
    check(staff)


def test_search_page(hostile: Hostile, staff: Page) -> None:
    staff.goto("/admin/search/")
    check(staff)


@pytest.mark.parametrize("text", ["example.com", "img src", "no such thing", "x"])
def test_search(text: str, hostile: Hostile, staff: Page) -> None:
    staff.goto("/admin/search/")
    staff.get_by_label("Search everything").fill(text)
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("status")).to_be_visible()
    check(staff)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/veza_core/user/?password__startswith=a",
        "/admin/veza_core/user/00000000-0000-0000-0000-000000000000/",
        "/admin/no/such/page",
        "/nothing",
    ],
)
def test_errors(path: str, staff: Page, staff_watch: Watch) -> None:
    staff_watch.expected = ["status of 404", "status of 400"]
    staff.goto(path)
    check(staff)


def test_heads(staff: Page) -> None:
    """The headers for the browser, as in production."""
    answer = staff.goto("/admin/")
    assert answer is not None
    heads = answer.all_headers()
    policy = heads["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert heads["strict-transport-security"].startswith("max-age=31536000")
    assert heads["x-frame-options"] == "DENY"
    assert heads["referrer-policy"] == "same-origin"
    assert heads["x-content-type-options"] == "nosniff"
    assert "no-store" in heads["cache-control"]
    for cookie in staff.context.cookies():
        assert cookie["name"].startswith("__Host-")
        assert cookie["secure"]
        assert cookie["httpOnly"]


@pytest.mark.parametrize("path", ["/admin/", "/nothing"])
def test_icon(path: str, staff: Page, staff_watch: Watch) -> None:
    """It is there. chromium-headless-shell, which shows none, does not ask for it."""
    staff_watch.expected = ["status of 404"]
    staff.goto(path)
    icon = staff.locator("link[rel=icon]").get_attribute("href")
    answer = staff.request.get(icon or "", ignore_https_errors=True)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.ok


def test_a_violation_would_be_seen(staff: Page, staff_watch: Watch) -> None:
    """An inline script and a foreign picture are blocked, and the watch reports them."""
    staff.goto("/admin/")
    with staff.context.expect_console_message():
        staff.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=hit()>')")
    expect(staff.locator("img[onerror]")).to_have_count(1)
    assert any("Content Security Policy" in fault or "404" in fault for fault in staff_watch.faults)
    staff_watch.faults.clear()
