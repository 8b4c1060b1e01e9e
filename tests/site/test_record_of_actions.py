"""What staff did stays on a row's page, however many views were logged later."""

import re

import pytest
from django.db import connection

from tests.acting import take, url
from tests.admin.plans import captured, nodes, plan_of, rows_read, use_sequential_scans
from tests.staff import make_staff, make_user, signed_in
from veza_site.models import ACTION, StaffLogEntry

pytestmark = pytest.mark.django_db

LOG = "/admin/veza_site/stafflogentry/"

ACTIONS = "idx_stafflog_actions"
#: The indexes that find the other entries of an action on many rows, and the shown entries.
OTHER_INDEXES = {"idx_stafflog_batch", "veza_site_stafflogentry_pkey"}

#: Views of one account and of others, and a few actions.
LOOKS = """
INSERT INTO django.veza_site_stafflogentry
    (created_at, staff_id, staff_name, user_agent, action, subject_table, subject_id,
     subject_label, reason)
SELECT now() + g * interval '1 second', %(staff)s, 'alice', '',
    CASE WHEN g %% 997 = 0 THEN 'users.verify' WHEN g %% 3 = 0 THEN 'search'
         WHEN g %% 5 = 0 THEN 'users.list' ELSE 'users.view' END,
    'users', CASE WHEN g %% 2 = 0 THEN %(bob)s ELSE gen_random_uuid()::text END, 'somebody', ''
FROM generate_series(1, %(number)s) AS g
"""


def look(staff, bob, number):
    """As many views as in years, each later than the one before."""
    with connection.cursor() as cursor:
        # It would set the transaction's time in all of them.
        cursor.execute("ALTER TABLE django.veza_site_stafflogentry DISABLE TRIGGER stamp_staff_log")
        cursor.execute(LOOKS, {"staff": staff.pk, "bob": str(bob.pk), "number": number})
        cursor.execute("ANALYZE django.veza_site_stafflogentry")


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(db):
    return make_staff()


def test_a_ban_is_shown_after_any_number_of_page_views(staff, bob):
    browser = signed_in(staff)
    take(browser, bob, "ban", reason="spam in 40 comments", confirm="bob")
    look(staff, bob, 990)
    page = browser.get(f"/admin/veza_core/user/{bob.pk}/").content.decode()
    panel = page.partition("Staff actions")[2]
    assert "spam in 40 comments" in panel
    assert f'{url(bob, "unban")}">Undo' in panel
    (entry,) = StaffLogEntry.objects.filter(action="users.ban")
    assert f'href="{LOG}{entry.pk}/"' in panel
    # And all of them, in a list that has nothing else.
    listed = re.search(rf'href="({LOG}\?[^"]+)"', panel)
    assert listed
    page = browser.get(listed[1].replace("&amp;", "&")).content.decode()
    assert "users.ban" in page
    assert ">users.view<" not in page
    # The start page shows it too, without a search among the actions.
    start = browser.get("/admin/").content.decode().partition('<h2 id="actions">')[2]
    assert "</b> banned bob</span>" in start
    assert ">search<" not in start


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("users.ban", True), ("users.note", True), ("tracks.export", True),
        ("second_factor.reset", True), ("user_roles.grant", True), ("sessions.end", True),
        ("users.view", False), ("users.list", False), ("track_history.download", False),
        ("search", False), ("sign_in", False), ("sign_out", False),
        ("second_factor.enrol", False), ("second_factor.refuse", False),
    ],
)  # fmt: skip
def test_what_is_an_action(db, action, expected):
    StaffLogEntry.objects.create(staff_name="a", action=action)
    assert StaffLogEntry.objects.filter(ACTION).exists() is expected


def test_actions_are_found_by_an_index(staff, bob):
    """On the row's page, in the list of a row's, of a colleague's, and in the list of all."""
    browser = signed_in(staff)
    look(staff, bob, 20_000)
    lists = {
        f"/admin/veza_core/user/{bob.pk}/": "idx_stafflog_subject_actions",
        f"{LOG}?kind=action&subject_id={bob.pk}": "idx_stafflog_subject_actions",
        f"{LOG}?kind=action&staff_id={staff.pk}": "idx_stafflog_staff_actions",
        f"{LOG}?kind=action": "idx_stafflog_actions",
        "/admin/": "idx_stafflog_actions",
    }
    for address, index in lists.items():
        response, statements = captured(browser, address)
        assert response.status_code == 200
        asked = [
            one for one in statements if re.search(r"WHERE .*\"action\"::text ~ ", one, re.DOTALL)
        ]
        assert asked, address
        for allowed in (False, True):
            use_sequential_scans(allowed)
            for statement in asked:
                scans = [node for node in nodes(plan_of(statement)) if "Relation Name" in node]
                # For each entry, the start page queries whether the action has others.
                names = {scan.get("Index Name") for scan in scans} - OTHER_INDEXES
                assert names == {index}, statement
                assert sum(map(rows_read, scans)) <= 60, statement


def test_actions_on_many_rows_cost_the_start_page_little():
    """Each entry is read once, so a deletion of 100,000 rows does not block the page."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django.veza_site_stafflogentry (staff_name, user_agent, action,"
            " subject_table, subject_id, subject_label, reason, batch) SELECT 'carol', '',"
            " 'tracks.soft_delete', 'tracks', number::text, 'x', '',"
            " lpad((number % 3)::text, 32, '0')::uuid FROM generate_series(1, 3000) AS number"
        )
    response, statements = captured(signed_in(make_staff("admin")), "/admin/")
    assert response.text.count("and 999 more") == 3
    [statement] = [one for one in statements if "RECURSIVE" in one]
    use_sequential_scans(False)
    found = [node for node in nodes(plan_of(statement)) if node.get("Index Name") == ACTIONS]
    assert len(found) == 2
    assert sum(node["Actual Loops"] for node in found) <= 4
    assert sum(rows_read(node) * node["Actual Loops"] for node in found) <= 3100
