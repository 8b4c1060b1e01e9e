"""Debian's Chromium: nothing is downloaded."""

import shutil

from playwright.sync_api import Browser, Playwright

from tests.browser.certificate import fingerprint

#: The one without windows takes less CPU time.
PROGRAMS = ("chromium-headless-shell", "chromium")
#: The message if both are missing.
MISSING = "needs a browser (Debian: apt install chromium-headless-shell)"


def program() -> str | None:
    """The path of the browser, or None if the machine has none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def launch(playwright: Playwright) -> Browser:
    """Start it; to be closed, or used as a context."""
    # The certificate is the test's own. Chromium caches no answer if it ignores all errors of
    # certificates. The sandbox, which refuses root, Playwright leaves out.
    return playwright.chromium.launch(
        executable_path=program(),
        args=[f"--ignore-certificate-errors-spki-list={fingerprint()}"],
    )
