"""The way in, and out."""

from playwright.sync_api import Page, expect

from tests.browser.people import Person

#: As a password manager and the keyboard's menu do it; a page could refuse both.
PASTE = """() => {
    const field = document.querySelector("input[type=password]");
    field.focus();
    if (field.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, cancelable: true})))
        document.execCommand("insertText", false, "pasted");
}"""


def test_first_time_and_again(page: Page) -> None:
    person = Person("support")
    page.goto("/admin/")
    field = page.get_by_label("Password")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "current-password")
    page.evaluate(PASTE)
    expect(field).to_have_value("pasted")
    person.give_password(page, "wrong")
    expect(page.get_by_text("Wrong name or password")).to_be_visible()
    person.give_password(page)
    person.enrol(page)
    expect(page).to_have_url("/admin/")
    assert len(person.recovery_codes) == 10

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto("/admin/veza_core/user/")
    person.give_password(page)
    page.get_by_role("textbox", name="Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_role("textbox", name="Code").fill(person.recovery_codes[3])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("9 are left")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    expect(page).to_have_url("/admin/veza_core/user/")
