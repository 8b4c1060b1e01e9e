"""Names and texts show all of their characters."""

import re

import pytest
from django.utils.html import strip_tags
from hypothesis import given
from hypothesis import strategies as st

from veza_core.screens.actions.action import short
from veza_core.screens.legible import is_blank, name_html, name_text, text_html
from veza_streaming.models import Track


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("admin_x", "admin_x"),
        ("André Costa", "André Costa"),
        ("admin_x\u200b", "admin_xU+200B"),
        ("ad\u00admin", "adU+00ADmin"),
        ("\u202egnp.exe", "U+202Egnp.exe"),
        ("two  spaces", "two␣␣spaces"),
        (" edges ", "␣edges␣"),
        ("a\u00a0b", "a␣b"),
        ("a\tb\nc", "aU+0009bU+000Ac"),
        ("     ", "(blank: 5 characters)"),
        ("\u3164", "(blank: 1 character)"),
        ("\u200b\u2800 ", "(blank: 3 characters)"),
        # Joiners in their proper places stay.
        ("👩‍💻", "👩‍💻"),
        ("1️⃣", "1️⃣"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\u200db", "aU+200Db"),
    ],
)
def test_names(name: str, shown: str) -> None:
    assert strip_tags(name_html(name)) == shown
    assert name_text(name) == shown


#: A name, and its letters of another script.
TWINS = {
    "\u0430dmin": "\u0430",
    "aliсе": "се",
    "r\u03bf\u03bft": "\u03bf\u03bf",
    "b\u043eb": "\u043e",
    "ad\u217fin": "\u217f",
    "\U0001d5baadmin": "\U0001d5ba",
    "\u0561lice_\u0561": "\u0561\u0561",
    "pаypаl Иван": "ааа",
    "Ελλ\u0430δα": "Ελλ\u0430δα",
}
#: Real names, which are not marked.
ALL_RIGHT = ("André", "Иван Петров", "Αθηνά", "DJ Иван", "Иван_b", "東京タワーABC", "Ａｄｍｉｎ",
             "김철수dj", "µTorrent", "ªº", "Ægir", "ıstanbul", "שלום", "नमस्ते", "佐々木", "〆木",
             "二〇二六年", "いすゞ", "ラーメン")  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_letters_of_another_script_are_marked(name: str) -> None:
    html = name_html(name)
    assert strip_tags(html) == name
    assert "".join(re.findall('class="odd" title="U[^"]+">(.)<', html)) == TWINS[name]


@pytest.mark.parametrize("name", ALL_RIGHT)
def test_letters_of_one_script_are_not(name: str) -> None:
    assert 'class="odd"' not in name_html(name)


@pytest.mark.parametrize(
    ("title", "called"),
    [
        ("x\u00a0\u00a0", "x␣␣"),
        (" x", "␣x"),
        ("ad\u200bmin", "adU+200Bmin"),
        ("one\n  two", "one two"),
    ],
)
def test_actions_show_invisible_characters_of_names(title: str, called: str) -> None:
    """So that nobody deletes a similar name by mistake."""
    assert short(Track(title=title)) == called


def test_each_text_keeps_its_direction() -> None:
    assert name_html("אב") == "<bdi>אב</bdi>"
    assert text_html("אב\nab") == "<bdi>אב\nab</bdi>"
    assert name_html("plain") == "plain"


def test_texts_keep_their_lines() -> None:
    assert text_html("one\n  two") == "one\n  two"
    assert "U+200B" in text_html("one\n\u200btwo")


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_two_names_look_alike_by_what_is_invisible(one: str, other: str) -> None:
    """The shown text has no invisible characters except joiners, and only our own markup."""
    for name in (one, other, f"{one}\u200b{other}", f"{one}<b>{other}"):
        shown = name_html(name)
        without = re.sub(r"</?(bdi|span)[^<>]*>", "", shown)
        assert "<" not in without
        assert not re.search(
            "[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u3164\0]", shown
        )
        assert strip_tags(shown).strip()
        assert is_blank(name) == ("blank" in re.findall(r'class="(\w+)"', shown))
