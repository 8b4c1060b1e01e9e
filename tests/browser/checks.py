"""The checks of every page."""

from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.watch import was_hit

#: The narrowest supported screen, a phone's, in CSS pixels.
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
#: A phone, a tablet in both directions, a laptop, a desktop; checks of the layout are quick.
WIDTHS = (PHONE["width"], 768, 1024, DESK["width"], 1440)

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

#: axe is slow. So it only checks the first few rows of a list, because all rows are similar, and
#: checks the menu only on the start page.
MORE_ROWS = "tbody tr:nth-child(n+5)"
MENU = "#menu"

#: E-mails in lists of which one of the parts around the @ has two lines, if both are short.
BROKEN_MAILS = """[...document.querySelectorAll(".results td")]
    .filter(cell => /^[^\\s@]{1,15}@[^\\s@]{1,15}$/.test(cell.textContent))
    .filter(cell => {
        const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        const range = document.createRange();
        while (texts.nextNode()) {
            for (const part of texts.currentNode.data.matchAll(/@?[^@]+/g)) {
                range.setStart(texts.currentNode, part.index);
                range.setEnd(texts.currentNode, part.index + part[0].length);
                const lines = [...range.getClientRects()].map(line => line.top);
                if (new Set(lines).size > 1) return true;
            }
        }
    }).map(cell => cell.textContent)"""

#: Cells in lists of which a part is not in view.
CUT_CELLS = """[...document.querySelectorAll(".results :is(th, td)")].filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const right = cell.getBoundingClientRect().right + 1;
    return [...range.getClientRects()].some(part => part.right > right);
}).map(cell => cell.innerText)"""

#: Badges, times, IDs, addresses and buttons in tables of which a part is not in view, on any
#: screen: an ellipsis in place of one says nothing.
CUT_SIGNS = """[...document.querySelectorAll(
    ".results td :is(.badge, .uuid, .address, button, time)")]
    .filter(sign => sign.checkVisibility())
    .filter(sign => [...sign.getClientRects()].some(
        part => part.right > sign.closest("td").getBoundingClientRect().right + 1))
    .map(sign => sign.outerHTML.slice(0, 120))"""

#: The parts of IP addresses, between dots or colons, that continue on a second line.
BROKEN_ADDRESSES = """[...document.querySelectorAll(".address")].filter(address => {
    const range = document.createRange();
    return [...address.childNodes].filter(part => part.data).some(part => {
        range.selectNodeContents(part);
        return new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1;
    });
}).map(address => address.innerText)"""

SCRIPT = Axe().axe_script


def problems(page: Page, rules: list[str] | None = None) -> list[str]:
    """The findings of axe: the rule, and where; `rules`: only these."""
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


def misfits(page: Page) -> list[str]:
    """What does not fit: a page that scrolls sideways, a deformed head or search box, a value that
    is wider than its card, a button below the ID that it copies, and elements that are too small to
    click.
    """
    found: list[str] = page.evaluate(
        """() => {
            const faults = [];
            const width = document.documentElement.clientWidth;
            const told = (item) => item.outerHTML.slice(0, 120);
            if (document.documentElement.scrollWidth > width) {
                faults.push(`${document.documentElement.scrollWidth} px wide`, ...[
                    ...document.body.querySelectorAll("*")]
                    .filter(item => item.getBoundingClientRect().right > width + 1)
                    .slice(0, 5).map(told));
            }
            const head = document.getElementById("header").getBoundingClientRect();
            if (head.height > 56) faults.push(`the head is ${head.height} px high`);
            const box = document.getElementById("search-box")?.getBoundingClientRect();
            if (box && (box.height > 40 || box.width < 120)) {
                faults.push(`the search box is ${box.width} × ${box.height} px`);
            }
            for (const item of document.querySelectorAll(".card > dl dd")) {
                if (item.scrollWidth > item.clientWidth + 1) {
                    faults.push(`${item.scrollWidth} px in ${item.clientWidth}: ${told(item)}`);
                }
            }
            for (const item of document.querySelectorAll("a, button, summary, input, select")) {
                const { width, height } = item.getBoundingClientRect();
                if (item.checkVisibility() && item.type !== "hidden" && (width < 8 || height < 8)
                        && !item.closest(".visually-hidden, .skip-to-content-link")) {
                    faults.push(`${width} × ${height} px: ${told(item)}`);
                }
            }
            for (const button of document.querySelectorAll("button.copy")) {
                const id = button.parentElement.querySelector("code");
                if (id && button.checkVisibility()
                        && button.getBoundingClientRect().top > id.getBoundingClientRect().bottom) {
                    faults.push(`the button is below its ID: ${told(button.parentElement)}`);
                }
            }
            return faults;
        }"""
    )
    return found


def check_widths(page: Page) -> None:
    """Check that the page fits on every screen."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert misfits(page) == [], width
        assert page.evaluate(CUT_SIGNS) == [], width
        assert page.evaluate(BROKEN_ADDRESSES) == [], width


def check_columns(page: Page) -> None:
    """Check that on a tablet and a laptop all columns are in view, no cell is cut, and e-mails are
    broken only at their @.
    """
    for width in WIDTHS[1:-1]:
        page.set_viewport_size({"width": width, "height": 900})
        check_tables(page)
        broken = page.evaluate(BROKEN_MAILS)
        assert broken == [], (width, broken)
        cut = page.evaluate(CUT_CELLS)
        assert cut == [], (width, cut)


def check_tables(page: Page) -> None:
    """Check that all columns are in view."""
    tables = page.evaluate(
        "[...document.querySelectorAll('.results')].map(box => [box.innerText.slice(0, 40),"
        " box.scrollWidth - box.clientWidth])"
    )
    assert tables
    wide = [table for table in tables if table[1] > 1]
    assert wide == [], (page.viewport_size, wide)


def check_density(page: Page) -> None:
    """Check that at 1440×900 a list begins near the top, and shows many rows."""
    rows = page.evaluate(
        "[...document.querySelectorAll('#result_list tbody tr')]"
        ".map(row => row.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"
    )
    assert rows[0][0] <= 250
    assert sum(bottom <= 900 for _, bottom in rows) >= min(18, len(rows))
    has_more = page.get_by_role("link", name="Next", exact=True).count()
    assert page.locator("nav.pages").count() == has_more
    assert has_more in (0, 2)


def show_in(page: Page, theme: Literal["light", "dark"]) -> None:
    """Show the page in a theme, and wait until its colours have faded to it."""
    page.emulate_media(color_scheme=theme)
    # The shades of tables follow another timeline: how far a table is scrolled.
    page.evaluate(
        "Promise.all(document.getAnimations().filter(one => one.timeline === document.timeline)"
        ".map(one => one.finished))"
    )


def check(page: Page) -> None:
    """Check that the page is inert, accessible in light and dark, and fits on every screen."""
    assert not was_hit(page)
    for theme in THEMES:
        show_in(page, theme)
        assert problems(page, None if theme == "light" else ["color-contrast"]) == [], theme
    check_widths(page)
    page.set_viewport_size(PHONE)
    assert problems(page, ["scrollable-region-focusable"]) == []
    page.set_viewport_size(DESK)
