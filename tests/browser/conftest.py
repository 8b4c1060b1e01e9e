"""One server, one browser and one database of demo data for all tests here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import needs
from tests.browser.launching import MISSING, launch, program
from tests.browser.people import Person
from tests.browser.serving import fill, serving
from tests.browser.watch import Watch
from tests.support import scratch_database

# Far more than a page needs, because the machine may be busy.
expect.set_options(timeout=60_000)


# Playwright's event loop runs in this thread while its fixture lives, and Django's ORM refuses to
# run then. So these fixtures end with the package, and its tests use psycopg.
@pytest.fixture(scope="package")
def database(migrated: str, django_db_blocker: Any) -> Iterator[str]:
    """The name of a database with demo data."""
    with django_db_blocker.unblock(), scratch_database(f"TEMPLATE {migrated}") as name:
        fill(name)
        yield name


@pytest.fixture(scope="package")
def address(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the site, such as `https://localhost:1234`."""
    with serving(database, tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium: nothing is downloaded."""
    if program() is None:
        needs.go_without(MISSING)
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@contextmanager
def new_context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    # Otherwise each change of the theme would fade first.
    with browser.new_context(base_url=address, reduced_motion="reduce") as context:
        context.set_default_timeout(60_000)
        yield context


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A new browser, with the site's URL."""
    with new_context(browser, address) as context:
        yield context


@pytest.fixture
def watch(context: BrowserContext, address: str) -> Iterator[Watch]:
    """Ensures that no page of the test does anything forbidden."""
    watch = Watch(context, address)
    yield watch
    assert watch.faults == []


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """An empty page, watched."""
    return context.new_page()


@pytest.fixture(scope="package")
def cookies(browser: Browser, address: str) -> Callable[[str], list[Any]]:
    """The cookies of a signed-in demo user; each user signs in once."""
    known: dict[str, list[Any]] = {}

    def cookies_of(name: str) -> list[Any]:
        if name not in known:
            with browser.new_context(base_url=address) as context:
                page = context.new_page()
                Person(name).enter(page)
                known[name] = context.cookies()
        return known[name]

    return cookies_of


@pytest.fixture(scope="package")
def staff_context(
    browser: Browser, address: str, cookies: Callable[[str], list[Any]]
) -> Iterator[tuple[Page, Watch]]:
    """A page of a signed-in user who may do everything, and its watch, for many tests.

    The first page of a new context takes a second of CPU time longer.
    """
    with new_context(browser, address) as context:
        context.add_cookies(cookies("super_admin"))
        watch = Watch(context, address)
        yield context.new_page(), watch


@pytest.fixture
def staff_watch(staff_context: tuple[Page, Watch]) -> Iterator[Watch]:
    """Ensures that the page of `staff` does nothing forbidden in the test."""
    page, watch = staff_context
    # Ignore what the previous test left. For an empty page, which has not the site's
    # headers, the browser would start another process, and for the next page again.
    page.goto("/static/veza/icon.svg")
    watch.begin()
    yield watch
    assert watch.faults == []


@pytest.fixture
def staff(staff_context: tuple[Page, Watch], staff_watch: Watch) -> Page:
    """A page of a signed-in user who may do everything, watched; it looks like a new one."""
    page, _ = staff_context
    page.set_viewport_size({"width": 1280, "height": 720})
    page.emulate_media(color_scheme="light", forced_colors="none")
    return page
