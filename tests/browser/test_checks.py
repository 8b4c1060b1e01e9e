"""What the checks of pages leave out of axe's work, axe would have accepted."""

import pytest
from playwright.sync_api import Page

from tests.browser.checks import (
    LOOK_RULES,
    LOOKS,
    left_out,
    load_axe,
    problems,
    problems_of_looks,
    show_in,
)
from tests.browser.rows import fetch

#: The elements for which axe has a verdict, and which have no look.
WITHOUT_LOOK = """async ([exclude, rules]) => {
    const found = await axe.run({ exclude }, { runOnly: rules, elementRef: true });
    const judged = [found.passes, found.violations, found.incomplete].flat()
        .flatMap(rule => rule.nodes.map(node => node.element));
    return [judged.length, judged.filter(item => !looks.has(item)).map(item => item.outerHTML)];
}"""


@pytest.mark.parametrize("path", ["/admin/", "/admin/veza_core/user/", "a user", "export/"])
def test_whatever_axe_judges_by_its_look_has_one(path: str, database: str, staff: Page) -> None:
    (user,) = fetch(database, "SELECT id FROM users WHERE is_banned LIMIT 1")
    names = {"a user": f"/admin/veza_core/user/{user}/", "export/": "/admin/veza_core/user/export/"}
    staff.goto(names.get(path, path))
    load_axe(staff)
    without = [[selector] for selector in left_out(staff)]
    staff.evaluate(LOOKS, ", ".join(left_out(staff)))
    judged, left = staff.evaluate(WITHOUT_LOOK, [without, [*LOOK_RULES]])
    assert judged
    assert left == []


#: Where a colour is spoilt: on two pages, and again on the first.
PAGES = ("/admin/", "/admin/sessions/", "/admin/")


@pytest.mark.parametrize(
    ("theme", "role", "colour"),
    [("light", "--muted", "#bbb"), ("dark", "--muted", "#444"), ("dark", "--page", "#999")],
)
def test_a_bad_colour_is_seen_on_each_page(theme: str, role: str, colour: str, staff: Page) -> None:
    """Also if axe has accepted all elements in their other colours."""
    for path in PAGES:
        staff.goto(path)
        show_in(staff, theme)
        assert problems(staff) == []
        assert problems_of_looks(staff) == []
        staff.evaluate(
            "([role, colour]) => document.documentElement.style.setProperty(role, colour)",
            [role, colour],
        )
        assert any(fault.startswith("color-contrast") for fault in problems(staff))


def test_a_link_without_a_line_is_seen_on_each_page(staff: Page) -> None:
    for path in PAGES:
        staff.goto(path)
        staff.evaluate(
            """document.querySelector("main").insertAdjacentHTML("beforeend",
                "<p>Words before <a id=last href='/admin/'>a link</a>, and behind it.</p>")"""
        )
        assert problems_of_looks(staff) == []
        staff.evaluate("document.getElementById('last').style.textDecorationLine = 'none'")
        assert [fault.split(":")[0] for fault in problems(staff)] == ["link-in-text-block"]
