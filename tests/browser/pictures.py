"""Takes the pictures of docs/support.md, and pictures of every kind of page.

The demo data ends today. The pictures of all pages are for changes of the design: in three widths,
light and dark, in `screenshots/`, which is not committed.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.checks import PHONE, THEMES, show_in
from tests.browser.launching import MISSING, launch, program
from tests.browser.people import Person
from tests.browser.rows import connect, fetch
from tests.browser.serving import fill, serving
from tests.run import begin, database_name, worker_database
from tests.support import ROOT

TARGET = ROOT / "docs" / "screenshots"
#: Every kind of page.
GALLERY = ROOT / "screenshots"
WIDTHS = (PHONE["width"], 1024, 1440)
DESK: ViewportSize = {"width": 1200, "height": 780}
#: Colours in a picture: enough for these pages, and a third of the bytes.
COLOURS = 96
#: A user whose page has rows of every kind.
SOMEBODY = """
SELECT users.id, username FROM users JOIN tracks ON tracks.user_id = users.id
WHERE users.role = 'premium' AND is_active AND NOT is_banned AND users.deleted_at IS NULL
GROUP BY users.id ORDER BY count(*) DESC, users.id LIMIT 1
"""
#: Sessions that are in use now, some of them at the addresses of that account.
IN_USE = """
UPDATE user_sessions AS session SET last_activity_at = now() - place * interval '1 minute',
    ip_address = CASE place %% 5 WHEN 0 THEN theirs.ip_address ELSE session.ip_address END,
    device_info = CASE place %% 10 WHEN 0 THEN theirs.device_info ELSE session.device_info END
FROM (
    SELECT id, row_number() OVER (ORDER BY expires_at DESC, id) AS place FROM user_sessions
    WHERE revoked_at IS NULL ORDER BY expires_at DESC, id LIMIT 40
) AS latest, (
    SELECT ip_address, device_info FROM user_sessions WHERE user_id = %s
    ORDER BY created_at DESC LIMIT 1
) AS theirs
WHERE session.id = latest.id
"""


def take(page: Page, name: str) -> None:
    """Write what the page shows as docs/screenshots/<name>.png."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET / f"{name}.png", optimize=True)


@contextmanager
def site() -> Iterator[tuple[Browser, str, str]]:
    """A browser, the address of the site, and the name of its database."""
    begin()
    # Like a worker of the tests, so that no run drops the database as a left-over one.
    with worker_database("screenshots"), tempfile.TemporaryDirectory() as directory:
        database = database_name("screenshots")
        fill(database, now=None)
        with (
            serving(database, Path(directory)) as address,
            sync_playwright() as playwright,
            launch(playwright) as browser,
        ):
            yield browser, address, database


def shoot(browser: Browser, address: str, database: str) -> None:
    """Take all pictures."""
    user, username = fetch(database, SOMEBODY)
    with browser.new_context(base_url=address, viewport=DESK, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto("/admin/")
        take(page, "sign-in")
        Person("moderator").enter(page)
        take(page, "start")
        show_in(page, "dark")
        take(page, "start-dark")
        show_in(page, "light")
        page.get_by_label("Search everything").fill(username[:7])
        page.keyboard.press("Enter")
        page.wait_for_url("**/search/?s=*")
        take(page, "search")
        page.goto(f"/admin/veza_core/user/{user}/")
        take(page, "user")
        show_in(page, "dark")
        take(page, "user-dark")
        show_in(page, "light")
        page.goto(f"/admin/veza_core/user/{user}/ban/")
        page.get_by_label("Reason").fill("Spam in the comments of eleven tracks")
        take(page, "ban")
        page.get_by_label("To confirm, type").fill(username)
        page.get_by_role("button", name="Ban", exact=True).click()
        page.wait_for_url(f"**/user/{user}/")
        take(page, "banned")
        page.goto("/admin/veza_streaming/playlist/?deleted=yes")
        take(page, "deleted-playlists")
        page.goto("/admin/veza_media/hlstranscodejob/?status=failed")
        take(page, "failed-jobs")
        page.goto("/admin/veza_streaming/playlist/export/?deleted=no")
        page.get_by_label("Reason").fill("The report on public playlists")
        take(page, "export")
        page.set_viewport_size(PHONE)
        page.goto(f"/admin/veza_core/user/{user}/")
        take(page, "phone-user")
        page.goto("/admin/veza_streaming/track/")
        take(page, "phone-tracks")


def kinds(database: str) -> dict[str, str]:
    """Every kind of page, and the address of one."""
    (user, _), (job,), (track,), (session,), (colleague,) = (
        fetch(database, query)
        for query in (
            SOMEBODY,
            "SELECT id FROM hls_transcode_queue WHERE status = 'failed' LIMIT 1",
            "SELECT id FROM tracks ORDER BY play_count DESC LIMIT 1",
            "SELECT id FROM user_sessions ORDER BY created_at DESC LIMIT 1",
            "SELECT id FROM users WHERE username = 'admin'",
        )
    )
    return {
        "start": "/admin/",
        "users": "/admin/veza_core/user/",
        "tracks": "/admin/veza_streaming/track/",
        "jobs": "/admin/veza_media/hlstranscodejob/?failed=latest",
        "changes": "/admin/veza_streaming/trackhistory/",
        "locked": "/admin/veza_core/user/?locked=now",
        "recent-sessions": "/admin/veza_core/usersession/?used=hour",
        "empty-list": "/admin/veza_core/user/?range=today&is_banned=yes",
        "user": f"/admin/veza_core/user/{user}/",
        "erasure": f"/admin/veza_core/user/{user}/erasure/",
        "related": f"/admin/veza_core/user/{user}/related/",
        "timeline": f"/admin/veza_core/user/{user}/timeline/",
        "archive": f"/admin/veza_core/user/{user}/export_data/",
        "track": f"/admin/veza_streaming/track/{track}/",
        "job": f"/admin/veza_media/hlstranscodejob/{job}/",
        "session": f"/admin/veza_core/usersession/{session}/",
        "action": f"/admin/veza_core/user/{user}/ban/",
        "suspend": f"/admin/veza_core/user/{user}/suspend/",
        "delete-content": f"/admin/veza_core/user/{user}/delete_content/",
        "colleague": f"/admin/veza_core/user/{colleague}/",
        "second-factor": f"/admin/veza_core/user/{colleague}/reset_second_factor/",
        "role": f"/admin/veza_core/user/{colleague}/grant_role/",
        "note": f"/admin/veza_core/user/{user}/note/",
        "export": "/admin/veza_streaming/track/export/",
        "search": "/admin/search/",
        "staff-log": "/admin/veza_site/stafflogentry/",
        "sessions": "/admin/sessions/",
        "error": "/admin/veza_core/user/?no_such_filter=1",
    }


def shoot_all(browser: Browser, address: str, database: str) -> None:
    """Every kind of page at three widths, light and dark."""
    GALLERY.mkdir(exist_ok=True)
    with connect(database) as connection:
        user, _ = fetch(database, SOMEBODY)
        connection.execute(IN_USE, [user])
    with browser.new_context(base_url=address) as context:
        # The second factor that a colleague resets.
        Person("admin").enter(context.new_page())
    with browser.new_context(base_url=address, reduced_motion="reduce") as context:
        page = context.new_page()
        Person("super_admin").enter(page)
        for name, path in kinds(database).items():
            page.goto(path)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                for theme in THEMES:
                    show_in(page, theme)
                    page.screenshot(path=GALLERY / f"{name}-{width}-{theme}.png")


def take_all() -> None:
    """Take all pictures. Fails with one line if Chromium is missing."""
    if program() is None:
        sys.exit(f"screenshots: {MISSING}")
    TARGET.mkdir(parents=True, exist_ok=True)
    with site() as (browser, address, database):
        shoot(browser, address, database)
        shoot_all(browser, address, database)
