"""What every page has to pass."""

from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.watch import was_hit

#: The narrowest screen that counts: a phone's, in CSS pixels.
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

#: Axe takes its time, so that it sees the first few rows of a list, which the others are built
#: like, and the menu on the start page alone.
MORE_ROWS = "tbody tr:nth-child(n+5)"
MENU = "#nav-sidebar"

SCRIPT = Axe().axe_script


def problems(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe finds on the page: the rule, and where; `rules`: only these."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = rules
    if not page.evaluate("'axe' in window"):
        page.evaluate(SCRIPT)
    left_out = [MORE_ROWS] if urlsplit(page.url).path == "/admin/" else [MORE_ROWS, MENU]
    where = {"exclude": [[selector] for selector in left_out]}
    found = page.evaluate("([where, options]) => axe.run(where, options)", [where, options])
    return [f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for fault in found["violations"] for node in fault["nodes"]]  # fmt: skip


def overflow(page: Page) -> list[str]:
    """What sticks out of the page at the right, so that all of it scrolls sideways."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.body.querySelectorAll("*")]
                .filter(item => item.getBoundingClientRect().right > width + 1)
                .map(item => item.outerHTML.slice(0, 120));
        }"""
    )


def show_in(page: Page, theme: Literal["light", "dark"]) -> None:
    """Show the page in a theme, and wait until its colours have faded to it."""
    page.emulate_media(color_scheme=theme)
    page.evaluate("Promise.all(document.getAnimations().map(running => running.finished))")


def check(page: Page) -> None:
    """Inert, accessible in light and dark, and no wider than the screen, large or small."""
    assert not was_hit(page)
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        show_in(page, theme)
        assert problems(page, None if theme == "light" else ["color-contrast"]) == [], theme
    page.set_viewport_size(PHONE)
    assert overflow(page) == []
    assert problems(page, ["scrollable-region-focusable"]) == []
    page.set_viewport_size(DESK)
