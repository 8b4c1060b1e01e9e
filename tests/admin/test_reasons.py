"""Usual reasons: the form offers the declared ones, and accepts one instead of a typed reason."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from tests.acting import columns, entries, open_page, take, url
from veza_core.models import User
from veza_core.screens.actions.forms import usual_reasons
from veza_site.models import StaffLogEntry

pytestmark = pytest.mark.django_db


def offered(page: str) -> list[str]:
    """The choices of the form, without the empty one."""
    found = re.search(r'<select name="usual"[^>]*>(.*?)</select>', page, re.DOTALL)
    return re.findall(r'<option value="([^"]+)"', found[1]) if found else []


def test_what_is_declared_is_of_an_action_and_short() -> None:
    screens: Any = admin.site._registry.values()
    known = {"export"}
    for screen in screens:
        for action in screen.row_actions:
            known |= {action.name, f"{screen.opts.db_table}.{action.name}"}
    declared = [
        item for config in apps.get_app_configs() for item in getattr(config, "reasons", {}).items()
    ]
    assert declared
    assert {name for name, _ in declared} <= known
    for name, reasons in declared:
        assert len(set(reasons)) == len(reasons), name
        assert all(0 < len(reason) <= 60 for reason in reasons), name


def test_the_table_s_own_reasons_come_before_those_of_any_table() -> None:
    assert "Copyright claim" in usual_reasons("tracks", "soft_delete")
    assert "Copyright claim" not in usual_reasons("rooms", "soft_delete")
    assert usual_reasons("rooms", "soft_delete") == usual_reasons("track_shares", "soft_delete")
    assert usual_reasons("tracks", "note") == ()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"usual": "Spam", "reason": ""}, "Spam"),
        ({"usual": "Spam", "reason": "  "}, "Spam"),
        ({"usual": "Spam", "reason": "forty links"}, "Spam: forty links"),
        # The script has written it into the field, and the user has added text.
        ({"usual": "Spam", "reason": "Spam in comments"}, "Spam in comments"),
        ({"usual": "", "reason": "forty links"}, "forty links"),
        ({"reason": "forty links"}, "forty links"),
    ],
)
def test_the_reason_in_the_log(support: Client, bob: User, sent: dict[str, str], kept: str):
    assert take(support, bob, "ban", confirm="bob", **sent).status_code == 302
    assert entries("users.ban")[0].reason == kept


@pytest.mark.parametrize("usual", ["", "What nobody declared", "Appeal granted", "\0"])
def test_without_either_nothing_happens(support: Client, bob: User, usual: str):
    page = take(support, bob, "ban", confirm="bob", usual=usual, reason="")
    assert page.status_code == 200
    assert "Nothing was changed" in page.text
    assert columns(bob, "is_banned") == (False,)


def test_a_selected_value_survives_an_error_in_another_field(support: Client, bob: User):
    page = take(support, bob, "ban", confirm="somebody else", usual="Fraud", reason="")
    assert '<option value="Fraud" selected>' in page.text


def test_forms_offer_them_and_the_script_finds_the_field(browser: Client, bob: User):
    page = browser.get(url(bob, "ban")).text
    assert offered(page) == [*usual_reasons("users", "ban")]
    (field,) = re.findall(r'data-fills="([^"]+)"', page)
    (area,) = re.findall(r'<textarea name="reason"[^>]*>', page)
    assert f'id="{field}"' in area
    assert page.index('name="usual"') < page.index('name="reason"')
    # A note has no reason, so it has no usual reasons.
    assert offered(browser.get(url(bob, "note")).text) == []
    # No reason is usual for a new priority of a user: there is nothing to choose from.
    export = "/admin/veza_core/user/export/"
    assert offered(browser.get(export).text) == [*usual_reasons("users", "export")]
    answer = browser.post(export, {"usual": "Report"})
    assert answer.getvalue()
    assert StaffLogEntry.objects.filter(action="users.export", reason="Report").exists()


def test_undo_has_reasons_of_its_own(support: Client, bob: User):
    take(support, bob, "ban", confirm="bob", usual="Spam", reason="")
    page = support.get(url(bob, "unban")).text
    assert "Banned by mistake" in offered(page)
    seen = open_page(support, bob, "unban")
    support.post(url(bob, "unban"), {"row": seen, "usual": "Appeal granted"})
    assert entries("users.unban")[0].reason == "Appeal granted"
