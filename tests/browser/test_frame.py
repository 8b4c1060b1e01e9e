"""The frame of every page: the menu on all screens, and its current entry."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import PHONE, WIDTHS, check_widths, problems

#: The last of a long menu.
LAST = "/admin/veza_site/note/"


def in_view(page: Page) -> bool:
    """Whether the menu's current entry is visible in the menu, and the menu in the window."""
    return bool(
        page.evaluate(
            """() => {
                const entry = document.querySelector("#menu [aria-current=page]");
                const [inner, outer] = [entry, entry.closest("#menu")]
                    .map(item => item.getBoundingClientRect());
                return inner.top >= outer.top && inner.bottom <= outer.bottom
                    && inner.bottom <= innerHeight && inner.width > 0;
            }"""
        )
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_menu(width: int, staff: Page) -> None:
    staff.set_viewport_size({"width": width, "height": 600})
    staff.goto(LAST)
    if width < 1024:
        expect(staff.locator("#menu")).to_be_hidden()
        staff.get_by_role("button", name="Menu").click()
    expect(staff.get_by_role("link", name="Notes")).to_have_attribute("aria-current", "page")
    staff.wait_for_function("document.querySelector('#menu').scrollTop > 0")
    assert in_view(staff)
    staff.get_by_role("link", name="Chat rooms").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Chat rooms")


def test_menu_on_a_phone_closes_by_a_key(staff: Page) -> None:
    staff.set_viewport_size(PHONE)
    staff.goto(LAST)
    staff.keyboard.press("Tab")
    staff.keyboard.press("Tab")
    expect(staff.get_by_role("button", name="Menu")).to_be_focused()
    staff.keyboard.press("Enter")
    expect(staff.locator("#menu")).to_be_visible()
    assert problems(staff) == []
    staff.keyboard.press("Escape")
    expect(staff.locator("#menu")).to_be_hidden()
    expect(staff.get_by_role("button", name="Menu")).to_be_focused()


def test_filters_fold_on_a_phone(staff: Page) -> None:
    staff.set_viewport_size(PHONE)
    staff.goto("/admin/veza_streaming/track/")
    expect(staff.locator("#filters")).to_be_hidden()
    staff.get_by_role("button", name="Filters and order").click()
    staff.locator("summary", has_text="Public").click()
    assert problems(staff) == []
    staff.get_by_role("link", name="Yes").click()
    staff.wait_for_url("**is_public=yes")


def test_a_phone_has_the_own_sessions(staff: Page) -> None:
    staff.set_viewport_size(PHONE)
    staff.goto("/admin/")
    staff.get_by_role("button", name="Menu").click()
    staff.get_by_role("link", name="Your sessions").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Your sessions")


#: The opacity of the shades of tables and tabs, and how far they could still be scrolled.
SHADES = """[...document.querySelectorAll(".results, .tabs")].map(item => [
    Number(getComputedStyle(item, "::after").opacity),
    item.scrollWidth - item.clientWidth - item.scrollLeft > 1])"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/admin/veza_core/usersession/", "/admin/veza_core/user/"])
def test_a_shade_says_that_a_table_continues(path: str, width: int, staff: Page) -> None:
    staff.set_viewport_size({"width": width, "height": 900})
    staff.goto(path)
    shades = staff.evaluate(SHADES)
    assert [bool(opacity) for opacity, _ in shades] == [more for _, more in shades]
    assert any(more for _, more in shades) is (width == PHONE["width"])
    staff.evaluate("document.querySelector('.results').scrollLeft = 9999")
    staff.wait_for_function(f"() => !{SHADES}.at(-1)[0]")


def test_the_current_tab_is_seen_in_forced_colours(staff: Page) -> None:
    staff.emulate_media(forced_colors="active")
    staff.goto("/admin/veza_core/user/?is_banned=yes")
    lines = staff.evaluate(
        """[...document.querySelectorAll(".tabs a")].map(tab =>
            [tab.hasAttribute("aria-current"), getComputedStyle(tab).borderBottomColor
                !== getComputedStyle(document.body).backgroundColor])"""
    )
    assert [current for current, _ in lines].count(True) == 1
    assert [seen for _, seen in lines] == [current for current, _ in lines]


def test_open_filters_fit(staff: Page) -> None:
    """Each drop-down is within the window, and only one is open at a time."""
    staff.goto("/admin/veza_streaming/track/")
    for drop in staff.locator(".filters summary").all():
        drop.click()
        expect(staff.locator("details.drop[open]")).to_have_count(1)
        check_widths(staff)
        staff.set_viewport_size({"width": 1280, "height": 900})
    staff.keyboard.press("Escape")
    expect(staff.locator("details.drop[open]")).to_have_count(0)


def test_times_are_shown_in_both_zones(staff: Page) -> None:
    staff.goto("/admin/veza_core/user/")
    told = staff.locator("#result_list time").first.get_attribute("title") or ""
    assert "UTC" in told
    expect(staff.locator("#clock")).to_contain_text("UTC")
