"""The site can be used with keys only, and the focus is always visible."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.people import Person
from tests.browser.rows import fetch

#: More presses of Tab than any page needs.
MOST = 150


def seen(page: Page) -> str:
    """The look of the focused element, without its text."""
    return str(
        page.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                return ["outlineStyle", "outlineWidth", "boxShadow", "borderColor", "color",
                    "backgroundColor", "textDecorationLine"].map(name => style[name]).join();
            }"""
        )
    )


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus, which must be visible."""
    wanted = target.element_handle()
    for _ in range(MOST):
        if page.evaluate("item => item === document.activeElement", wanted):
            focused = seen(page)
            page.evaluate("item => item.blur()", wanted)
            assert seen(page) != focused
            assert page.evaluate(
                """item => {
                    item.focus();
                    const box = item.getBoundingClientRect();
                    return box.top >= 0 && box.bottom <= innerHeight && box.width > 0;
                }""",
                wanted,
            )
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {target}")


def test_sign_in(page: Page) -> None:
    person = Person("admin")
    page.goto("/admin/")
    expect(page.get_by_label("E-mail or username")).to_be_focused()
    page.keyboard.type(person.email)
    page.keyboard.press("Tab")
    page.keyboard.type("demo listens to veza")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    person.secret = page.locator("code").inner_text()
    page.keyboard.type(person.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="continue"))
    page.keyboard.press("Enter")
    expect(page).to_have_url("/admin/")


def test_search_and_act(staff: Page, database: str) -> None:
    _, username = fetch(
        database,
        "SELECT id, username FROM users WHERE role = 'user' AND deleted_at IS NULL"
        " AND is_verified AND is_active AND email LIKE '%@%' ORDER BY created_at LIMIT 1",
    )
    staff.goto("/admin/")
    staff.keyboard.press("Tab")
    expect(staff.get_by_role("link", name="Skip to main content")).to_be_focused()
    staff.keyboard.press("/")
    expect(staff.get_by_label("Search everything")).to_be_focused()
    staff.keyboard.type(username)
    staff.keyboard.press("Enter")
    # The one that it finds opens.
    expect(staff.get_by_role("heading", level=1)).to_contain_text(username)
    tab_to(staff, staff.locator("summary", has_text="More"))
    staff.keyboard.press("Enter")
    tab_to(staff, staff.get_by_role("link", name="Mark as unverified"))
    staff.keyboard.press("Enter")
    tab_to(staff, staff.get_by_label("Reason"))
    staff.keyboard.type("bounced")
    tab_to(staff, staff.get_by_role("button", name="Mark as unverified"))
    staff.keyboard.press("Enter")
    expect(staff.locator(".messagelist")).to_contain_text(f"Marked as unverified: {username}.")
    tab_to(staff, staff.locator(".messagelist").get_by_role("link", name="Undo"))


def test_list(staff: Page) -> None:
    """Filters, a row's checkbox, the next page; and a table that scrolls gets the focus."""
    staff.goto("/admin/veza_streaming/playlist/")
    tab_to(staff, staff.get_by_role("link", name="Reverse the order"))
    tab_to(staff, staff.locator("#result_list tbody a").first)
    tab_to(staff, staff.get_by_role("link", name="Next").last)
    staff.keyboard.press("Enter")
    staff.wait_for_url("**after=*")


def test_the_search_box_suggests_the_lists(staff: Page) -> None:
    """It suggests the menu's lists, without a request: text that is not sent stays private."""
    asked: list[str] = []
    staff.goto("/admin/veza_core/user/")
    staff.on("request", lambda request: asked.append(request.url))
    staff.keyboard.press("/")
    staff.keyboard.type("Failed jobs")
    suggested = staff.evaluate(
        "[...document.activeElement.list.options].map(option => option.value)"
    )
    assert {"Failed jobs", "Sessions", "Tracks"} <= {*suggested}
    assert [url for url in asked if "/admin/" in url] == []
    staff.keyboard.press("Enter")
    staff.wait_for_url("**/hlstranscodejob/?failed=latest")
