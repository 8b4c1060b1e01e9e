"""Demo users at the sign-in, with their authenticators."""

from base64 import b32decode

from django_otp.oath import totp
from playwright.sync_api import Page, expect

from veza_demo.tables.accounts import PASSWORD


class Person:
    """A user of the demo data, by the beginning of the e-mail."""

    def __init__(self, name: str) -> None:
        self.email = f"{name}@example.com"
        self.secret = ""
        self.recovery_codes: list[str] = []
        self._codes = 0

    def give_password(self, page: Page, password: str = PASSWORD) -> None:
        """Type the name and the password on the sign-in page."""
        page.get_by_label("E-mail or username").fill(self.email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()

    def enrol(self, page: Page) -> None:
        """The first sign-in: from the QR code to the start page."""
        expect(page.get_by_role("img", name="QR code")).to_be_visible()
        self.secret = page.locator("code").inner_text()
        page.get_by_role("textbox", name="Code").fill(self.code())
        page.get_by_role("button", name="Confirm").click()
        self.recovery_codes = page.locator("li code").all_inner_texts()
        page.get_by_role("link", name="continue").click()

    def enter(self, page: Page) -> None:
        """Sign in for the first time: to the start page."""
        page.goto("/admin/")
        self.give_password(page)
        self.enrol(page)
        expect(page).to_have_url("/admin/")

    def code(self) -> str:
        """The authenticator's code; the second time the next one, because none is accepted
        twice.
        """
        key = b32decode(self.secret.replace(" ", ""))
        code = totp(key, drift=self._codes)
        self._codes += 1
        return f"{code:06}"
