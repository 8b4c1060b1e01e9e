"""Watches a browser for what no page of the site may do."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request

#: The function that a payload of `tests.attack.payloads` calls if it runs.
MARK = "window.hit = () => { window.wasHit = true; }"


class Watch:
    """Collects problems on the pages of a context.

    Console errors (a violation of the content security policy is one), exceptions, requests to
    other hosts, dialogs, and answers of 500 and above.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.begin()
        context.on("console", self._console)
        context.on("dialog", self._dialog)
        context.on("request", self._request)
        context.on("weberror", lambda error: self.faults.append(f"exception: {error.error}"))
        context.on(
            "response",
            lambda answer: answer.status < 500 or self.faults.append(f"500: {answer.url}"),
        )
        context.add_init_script(MARK)

    def begin(self) -> None:
        """Forget what was collected and expected."""
        self.faults: list[str] = []
        #: Console messages that a test expects, because it opens an error page.
        self.expected: Sequence[str] = ()

    def _console(self, message: ConsoleMessage) -> None:
        expected = any(text in message.text for text in self.expected)
        # Chromium, and not chromium-headless-shell, asks for it where a page names no icon, as the
        # one between two tests. `check` makes sure that the site's pages name theirs.
        expected |= message.location["url"] == f"https://{self.host}/favicon.ico"
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self.host and not request.url.startswith("data:"):
            self.faults.append(f"foreign request: {request.url}")


def was_hit(page: Page) -> bool:
    """Whether a payload ran on this page."""
    return bool(page.evaluate("window.wasHit === true"))
