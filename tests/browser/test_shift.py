"""A working day of a member of staff, from the sign-in to the sign-out."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.people import Person
from tests.browser.rows import fetch


def search(page: Page, text: str) -> None:
    page.get_by_label("Search everything").fill(text)
    page.get_by_role("button", name="Search").click()
    # One hit opens.
    page.wait_for_url(re.compile(r"/admin/search/\?s=|/[0-9a-f-]{36}/$"))


def act(page: Page, action: str, reason: str, confirm: str = "") -> None:
    """Take an action on the row whose page is open."""
    page.get_by_role("link", name=action, exact=True).click()
    confirm_and_send(page, action, reason, confirm)


def confirm_and_send(page: Page, action: str, reason: str, confirm: str = "") -> None:
    """Fill in the page that asks, and send it."""
    if confirm:
        page.get_by_label("To confirm, type").fill(confirm)
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=action, exact=True).click()


def test_shift(page: Page, database: str, tmp_path: Path) -> None:
    moderator = Person("moderator")
    moderator.enter(page)

    # A user writes: find the account by a part of the e-mail.
    _, username, email = fetch(
        database,
        "SELECT id, username, email FROM users WHERE role = 'user' AND deleted_at IS NULL"
        " AND is_active AND NOT is_banned AND email LIKE '%@%'"
        " AND NOT EXISTS (SELECT FROM user_roles WHERE user_id = users.id)"
        " ORDER BY created_at DESC LIMIT 1",
    )
    search(page, email[:12])
    if "/search/" in page.url:
        page.get_by_role("link", name=username, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(username)
    expect(page.get_by_label("At a glance")).to_be_visible()

    # Ban it: first with the wrong word, then with the right one; and undo it.
    page.get_by_role("link", name="Ban", exact=True).click()
    page.get_by_label("Often given").select_option("Spam")
    expect(page.get_by_label("Reason")).to_have_value("Spam")
    confirm_and_send(page, "Ban", "spam in comments", "somebody else")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    confirm_and_send(page, "Ban", "spam in comments", username)
    expect(page.locator(".messagelist")).to_contain_text(f"Banned {username}.")
    expect(page.get_by_label("At a glance")).to_contain_text("anned")
    ask = f"SELECT is_banned FROM users WHERE username = '{username}'"
    assert fetch(database, ask) == (True,)
    page.locator(".messagelist").get_by_role("link", name="Undo").click()
    confirm_and_send(page, "Lift the ban", "it was somebody else")
    expect(page.locator(".messagelist")).to_contain_text(f"Lifted the ban of {username}.")
    assert fetch(database, ask) == (False,)
    expect(page.get_by_role("cell", name="spam in comments")).to_be_visible()

    # A note for a colleague.
    page.get_by_role("link", name="Add a note").click()
    page.get_by_label("Note").fill("Wrote in by e-mail")
    page.get_by_role("button", name="Add a note").click()
    expect(page.get_by_text("Wrote in by e-mail")).to_be_visible()

    # A playlist was deleted by mistake.
    (playlist,) = fetch(database, "SELECT id FROM playlists WHERE deleted_at IS NOT NULL LIMIT 1")
    search(page, str(playlist))
    act(page, "Restore", "deleted by mistake")
    expect(page.locator(".messagelist")).to_contain_text("Restored")
    assert fetch(database, f"SELECT deleted_at FROM playlists WHERE id = '{playlist}'") == (None,)

    # A transcode job failed: from the start page to another try.
    page.get_by_role("link", name="Veza support").click()
    page.get_by_role("link", name="Transcode jobs").first.click()
    page.get_by_role("link", name="Failed, latest first").click()
    page.locator("#result_list tbody a").first.click()
    act(page, "Retry", "the disk was full")
    expect(page.locator(".messagelist")).to_contain_text("Put back into the queue")

    # Some playlists, for a report.
    page.goto("/admin/veza_streaming/playlist/?deleted=no")
    page.get_by_role("link", name="Export as CSV").click()
    page.get_by_label("Reason").fill("the report for March")
    with page.expect_download() as started:
        page.get_by_role("button", name="Export").click()
    path = tmp_path / "export.csv"
    started.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert str(playlist) in {line["id"] for line in lines}

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_label("Password")).to_be_visible()
    done = fetch(
        database,
        "SELECT array_agg(DISTINCT action) FROM django.veza_site_stafflogentry"
        " WHERE staff_name = 'moderator'",
    )
    assert {"users.ban", "users.unban", "users.note", "playlists.restore", "playlists.export",
            "playlists.exported", "hls_transcode_queue.retry", "users.view", "search",
            "second_factor.enrol", "sign_out"} <= set(done[0])  # fmt: skip
