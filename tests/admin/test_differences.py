"""Changes are shown as differences: what a column was, and what it is now."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from tests.acting import take
from veza_core.models import User
from veza_core.screens.differences import differences
from veza_streaming.models import Track

LONG = "word " * 100


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"title": "Old"}, {"title": "New"}, "Title: Old → New"),
        ({"genre": None}, {"genre": "Pop"}, "Genre: nothing → Pop"),
        ({"is_public": False, "slug": "a"}, {"is_public": True, "slug": "a"}, "Public: no → yes"),
        # Nothing was recorded of the other side.
        (None, {"sessions_revoked": 2}, "Sessions revoked: 2"),
        ({"waveform_path": "old.json"}, None, "Waveform path: old.json"),
        ({"duration_ms": 899}, {"duration_ms": 61_000}, "Duration: 0.8 s → 1:01"),
        (None, {"found": {"users": 1, "tracks": 2}}, "Found: Tracks: 2, Users: 1"),
        ({"title": "<b>"}, {"title": "a\u200bb"}, "Title: &lt;b&gt; → aU+200Bb"),
        (dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2),
         "A: 1 → 2, B: 1 → 2, C: 1 → 2, and 2 more"),
        ({"title": "same"}, {"title": "same"}, "–"),
        ({}, None, "–"),
    ],
)  # fmt: skip
def test_in_a_list(before: Any, after: Any, shown: str) -> None:
    assert strip_tags(differences(Track, before, after, whole=False)) == shown


@pytest.mark.parametrize("whole", [True, False])
def test_only_the_changed_part_of_a_long_text_is_shown(whole: bool) -> None:
    old, new = (f"{LONG}{word} {LONG}" for word in ("sad", "glad"))
    shown = strip_tags(differences(Track, {"title": old}, {"title": new}, whole=whole))
    assert "word sad word" in shown
    assert "word glad word" in shown
    assert len(shown) < 200


@pytest.mark.parametrize("whole", [True, False])
def test_texts_of_any_length_are_bounded(whole: bool) -> None:
    text = "x" * 60_000
    shown = differences(Track, {"title": text}, {"title": text.replace("x", "y")}, whole=whole)
    assert len(strip_tags(shown)) < 700


@pytest.mark.django_db
def test_a_log_entry_of_a_note_links_to_the_note(support: Client, bob: User) -> None:
    take(support, bob, "note", text="Called twice.\r\nNo answer.")
    page = support.get("/admin/veza_site/stafflogentry/?kind=action").content.decode()
    (link,) = re.findall(r'<a href="(/admin/veza_site/note/\d+/)">The note</a>', page)
    assert "Called twice.\nNo answer." in support.get(link).content.decode()


@pytest.mark.django_db
def test_the_staff_logs_list(support: Client, bob: User) -> None:
    take(support, bob, "verify" if not bob.is_verified else "unverify", reason="asked")
    page = support.get("/admin/veza_site/stafflogentry/?kind=action").content.decode()
    was, now = ("yes", "no") if bob.is_verified else ("no", "yes")
    assert f"Verified: {was} → {now}" in strip_tags(page)
