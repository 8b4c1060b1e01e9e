"""Makes names and messages of others visible: all of their characters, on one line.

Names of databases, roles, tables and files may contain line breaks and terminal escape sequences.
"""

import re

#: What a terminal obeys instead of showing: control characters, line separators, characters that
#: change the direction or have no width, and bytes that are not UTF-8.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)


def visible(text: object) -> str:
    r"""Its text with such characters written as Python writes them: `\n`, `\x1b`, `\u202e`."""
    return _UNSEEN.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    # A byte that is not UTF-8, as Python represents it (PEP 383).
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else repr(found[0])[1:-1]
