"""The checks of every page."""

import re
from typing import Any, Literal
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

#: What does not fit: a page that scrolls sideways, a deformed head or search box, a value that is
#: wider than its card, a button below the ID that it copies, and elements that are too small to
#: click.
MISFITS = """() => {
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

#: The paths of the breadcrumbs, and null for the current page, which is no link.
CRUMBS = """[...document.querySelectorAll(".breadcrumbs li")].map(item =>
    item.matches("[aria-current=page]") ? null : item.querySelector("a")?.pathname)"""

#: All of them at once.
UNFIT = f"() => ({{ misfits: ({MISFITS})(), cut: {CUT_SIGNS}, broken: {BROKEN_ADDRESSES} }})"

SCRIPT = Axe().axe_script

#: The rules whose verdict on an element depends only on its look, and the elements that they are
#: for. They take most of axe's time.
LOOK_RULES = {"color-contrast": "*", "link-in-text-block": "a[href]"}

#: The looks of all elements with text: how it is written, and everything that is below it. Some are
#: hidden. Axe judges only what it takes for visible, and only that is ever accepted.
LOOKS = """left_out => {
    const known = new Map([[null, ""]]);
    const look = (item) => {
        if (!known.has(item)) {
            const style = getComputedStyle(item);
            known.set(item, [look(item.parentElement), item.localName, item.className, item.type,
                style.color, style.backgroundColor, style.backgroundImage, style.opacity,
                style.fontSize, style.fontWeight, style.textDecorationLine, style.textShadow,
            ].join(" "));
        }
        return known.get(item);
    };
    const has_text = (item) => item.matches("input, select, textarea")
        || [...item.childNodes].some(one => one.nodeType === Node.TEXT_NODE && one.data.trim());
    window.looks = new Map([...document.querySelectorAll("body *")]
        .filter(item => has_text(item) && !item.closest(left_out))
        .map(item => [item, look(item)]));
    return [...new Set(looks.values())];
}"""

#: Runs the rules for looks on the elements with the wanted ones.
RUN_ON_LOOKS = """async ([where, rules, wanted]) => {
    axe.configure({ rules: Object.entries(rules).map(
        ([id, selector]) => ({ id, selector: `${selector}[data-${id}]` })) });
    for (const [item, look] of looks) {
        for (const id in rules) item.toggleAttribute(`data-${id}`, wanted[id].includes(look));
    }
    const found = await axe.run(where, {
        runOnly: Object.keys(rules), resultTypes: ["violations", "passes"], elementRef: true });
    const looks_in = (results, id) => results.filter(result => result.id === id)
        .flatMap(({ nodes }) => nodes.map(node => looks.get(node.element)));
    return [found.violations, Object.keys(rules).map(id => {
        const failed = looks_in(found.violations, id);
        return looks_in(found.passes, id).filter(look => !failed.includes(look));
    })];
}"""

#: For each of these rules, the looks that axe has accepted on some page. It sees a look that it has
#: not accepted on each page that has it.
accepted: dict[str, set[str]] = {rule: set() for rule in LOOK_RULES}


def problems(page: Page) -> list[str]:
    """The findings of axe: the rule, and where."""
    others = {rule: {"enabled": False} for rule in LOOK_RULES}
    return problems_of_looks(page) + found_by_axe(page, {"rules": others})


def found_by_axe(page: Page, options: dict[str, object]) -> list[str]:
    """The findings of axe with these options of its own."""
    load_axe(page)
    options = {"resultTypes": ["violations"], "selectors": False, **options}
    where = {"exclude": [[selector] for selector in left_out(page)]}
    found = page.evaluate("([where, options]) => axe.run(where, options)", [where, options])
    return _told(found["violations"])


def problems_of_looks(page: Page) -> list[str]:
    """The findings of axe's rules about colours, which are other ones in each theme."""
    excluded = left_out(page)
    looks = page.evaluate(LOOKS, ", ".join(excluded))
    wanted = {rule: [look for look in looks if look not in accepted[rule]] for rule in LOOK_RULES}
    load_axe(page)
    where = {"exclude": [[selector] for selector in excluded]}
    violations, passed = page.evaluate(RUN_ON_LOOKS, [where, LOOK_RULES, wanted])
    for rule, looks in zip(LOOK_RULES, passed, strict=True):
        accepted[rule].update(looks)
    return _told(violations)


def load_axe(page: Page) -> None:
    """Load axe into the page if it is not there."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(SCRIPT)


def left_out(page: Page) -> list[str]:
    """What axe does not look at, as selectors."""
    return [MORE_ROWS] if urlsplit(page.url).path == "/admin/" else [MORE_ROWS, MENU]


def _told(violations: list[dict[str, Any]]) -> list[str]:
    return [f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for fault in violations for node in fault["nodes"]]  # fmt: skip


def check_widths(page: Page) -> None:
    """Check that the page fits on every screen. The last one is the phone."""
    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(UNFIT) == {"misfits": [], "cut": [], "broken": []}, width


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


def check_breadcrumbs(page: Page) -> None:
    """Check that the breadcrumbs of a page of a row, or of an action, begin with the list of its
    model, and end with the page.
    """
    of_model = re.match(r"(/admin/veza_\w+/\w+/).", urlsplit(page.url).path)
    if of_model and not page.locator(".error-page").count():
        crumbs = page.evaluate(CRUMBS)
        assert crumbs[:1] + crumbs[-1:] == [of_model[1], None]
        assert all(crumbs[:-1])


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
    assert page.locator("link[rel=icon]").count() == 1
    check_breadcrumbs(page)
    show_in(page, "light")
    assert problems(page) == [], "light"
    show_in(page, "dark")
    assert problems_of_looks(page) == [], "dark"
    check_widths(page)
    assert found_by_axe(page, {"runOnly": ["scrollable-region-focusable"]}) == []
    page.set_viewport_size(DESK)
