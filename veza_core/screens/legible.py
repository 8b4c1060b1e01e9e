"""Shows text of rows with invisible characters, blank names and directions made visible.

A name may be five spaces, contain a zero-width letter that makes it look like another name, or
change the order of the words around it with a control for right-to-left text (Unicode Technical
Report 36, "Unicode Security Considerations"). Here such characters become visible, and a text does
not change the direction of others.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.counted import counted

#: Shown for a space that would be invisible.
SPACE = "␣"

#: Invisible characters: controls, formats, fillers, selectors, and every space except the usual
#: one.
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Joiners and selectors in their proper places: after a letter that is not Latin, as in Persian and
#: Hindi, after a symbol, as in emoji, and before a keycap.
_AT_WORK = r"(?<=[^\u0000-\u024f\u2000-\u206f])[\u200c\u200d\ufe0e\ufe0f]|\ufe0f(?=\u20e3)"
_IN_TEXT = re.compile(f"(?:{_AT_WORK})|([{_UNSEEN}])")
#: In a name, also tabs, line ends, and spaces that HTML collapses or removes.
_NAME = rf"(?:{_AT_WORK})|([{_UNSEEN}\t\n%s]|^ +| +$| {{2,}})"
_IN_NAME = re.compile(_NAME % "")

_WORD = re.compile(r"[^\W\d_]+")
#: Scripts that may be in one word with each other and with Latin (Unicode Technical Standard 39,
#: "Restriction-Level Detection", highly restrictive). Letters of no script may be in any word.
_TOGETHER = {"LATIN", "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO",
             "FULLWIDTH", "HALFWIDTH"}  # fmt: skip
_OF_NONE = {"", "FEMININE", "MASCULINE", "MICRO", "MODIFIER", "KATAKANA-HIRAGANA"}


def escape(value: str) -> SafeString:
    """Django's `escape`, without its support for lazy texts: a page has thousands of cells."""
    return SafeString(html.escape(value))


def safe(value: Any) -> SafeString:
    """Django's `conditional_escape`, also without support for lazy texts."""
    return value if isinstance(value, SafeString) else escape(str(value))


def name_html(value: str) -> SafeString:
    """A name on one line, escaped, with everything visible.

    Mathematical letters, and letters of another script within a word, are marked: `аdmin` with a
    Cyrillic а imitates another name. A word that is entirely in another script is not marked. That
    would need Unicode's table of confusables, which Python lacks, and would mark most Russian
    names.
    """
    if _is_plain(value) and "  " not in value and value.strip(" ") == value != "":
        return escape(value)
    if is_blank(value):
        return format_html('<span class="blank">{}</span>', _blank(value))
    odd = "".join(map(re.escape, sorted(_odd_letters(value))))
    return _isolated(re.compile(_NAME % odd) if odd else _IN_NAME, value)


def text_html(value: str) -> SafeString:
    """A text of any length, escaped, with its line ends, also those that browsers send."""
    value = value.replace("\r\n", "\n")
    if all(map(_is_plain, value.split("\n"))):
        return escape(value)
    return _isolated(_IN_TEXT, value)


def name_text(value: str) -> str:
    """The same as `name_html`, for places without HTML: attributes, and titles of windows."""
    if is_blank(value):
        return _blank(value)
    return _replaced(_IN_NAME, value, _as_text)


def is_blank(value: str) -> bool:
    """Whether a text has nothing visible."""
    return not _IN_NAME.sub(lambda found: "" if found[1] else found[0], value).strip()


def _odd_letters(value: str) -> set[str]:
    """The letters of a name that may imitate letters of another script in the same word."""
    odd = set()
    for word in _WORD.findall(value):
        if word.isascii():
            continue
        scripts = {_script(letter) for letter in word} - _OF_NONE
        if len(scripts) > 1 and scripts - _TOGETHER:
            odd |= {letter for letter in word if _script(letter) not in _OF_NONE | {"LATIN"}}
        odd |= {letter for letter in word if unicodedata.decomposition(letter).startswith("<font>")}
    return odd


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The script of a letter, from the beginning of its Unicode name."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _blank(value: str) -> str:
    count = len(value)
    return f"(blank: {counted(count, 'character')})" if count else "(empty)"


def _is_plain(value: str) -> bool:
    """Whether nothing must change: this is true for most texts, so they cost next to nothing."""
    return value.isascii() and (value.isprintable() or value == "")


def _isolated(signs: re.Pattern[str], value: str) -> SafeString:
    return SafeString(f"<bdi>{_replaced(signs, value, _as_html, escape)}</bdi>")


def _replaced(
    signs: re.Pattern[str],
    value: str,
    sign: Callable[[str], str],
    other: Callable[[str], str] = str,
) -> str:
    parts, end = [], 0
    for found in signs.finditer(value):
        if found[1]:
            parts += [other(value[end : found.start()]), *map(sign, found[1])]
            end = found.end()
    return "".join([*parts, other(value[end:])])


@lru_cache(maxsize=1024)
def _as_html(character: str) -> str:
    described = f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
    if not _IN_NAME.fullmatch(character):
        return f'<span class="odd" title="{described}">{character}</span>'
    return f'<span class="sign" title="{described}">{_as_text(character)}</span>'


def _as_text(character: str) -> str:
    if character == " " or unicodedata.category(character) == "Zs":
        return SPACE
    return f"U+{ord(character):04X}"
