"""Debian's Chromium: nothing is downloaded."""

import shutil

from playwright.sync_api import Browser, Playwright

#: The message if it is missing.
MISSING = "needs chromium (Debian: apt install chromium)"


def is_there() -> bool:
    """Whether the machine has the browser."""
    return shutil.which("chromium") is not None


def launch(playwright: Playwright) -> Browser:
    """Start it; to be closed, or used as a context."""
    # The certificate is the test's own. The sandbox, which refuses root, Playwright leaves out.
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--ignore-certificate-errors"]
    )
