"""Bad and good values of each kind of check that docs/schema.md has words for."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

HASH = "$2b$12$" + "Ab./9" * 10 + "xyz"
#: A zero-width space, a joiner, a mark that changes the direction, and similar characters.
UNSEEN = "\u200b\u200c\u200d\u202e\u2066\u2060\ufeff\u00ad\u180e\u3164\u115f\u2800\ufe0f\U000e0041"
#: Values without a visible character.
BLANKS = ["", " ", "\t", "\n", "\r\n ", "\u00a0", "\u2003\u3000", "\u0085", "\x01", "\x7f", *UNSEEN]

BAD = {
    "not blank": BLANKS,
    "an address": [
        *("", " ", "bob", "a@b", "@b.co", "a@", "a@.co", "a@b.", "a@b.co.", "a@b..co", "a@-b.co"),
        *("a@b-.co", "a@@b.co", "a@b@c.co", ".a@b.co", "a.@b.co", "a..b@b.co", "A@b.co", "a@B.co"),
        *("a b@b.co", " a@b.co", "a@b.co ", "a@b.co\n", "a\t@b.co", "a@b .co", "é@b.co", "a@é.co"),
        *(
            "a\u200b@b.co",
            "a@b\u202e.co",
            "\uff41@b.co",
            "a@b.co,c@d.co",
            "<a@b.co>",
            "a@[127.0.0.1]",
        ),
        f"a@{'b' * 64}.co",
    ],
    "a plain text": [
        *("al ice", " alice", "alice ", "alice\n", "a\tlice", "al@ice", "@alice", "alice\u00a0"),
        *(f"ali{character}ce" for character in UNSEEN),
        *("\uff41lice", "e\u0301lise", "\ufb01ona", "\u2160lex"),
    ],
    "a slug": [
        "",
        " ",
        "A",
        "My-song",
        "-a",
        ".a",
        "_a",
        "a b",
        "a/b",
        "a\n",
        "é",
        "a\u200b",
        "\uff41",
    ],
    "a bcrypt": [
        *("", "x", "password", HASH[:-1], HASH + "x", HASH + "\n", " " + HASH, "bcrypt$" + HASH),
        *(HASH.replace("2b", kind) for kind in ("2", "2x", "2B", "1", "5")),
        *(HASH.replace("12", cost) for cost in ("3", "03", "32", "1", "xx")),
        HASH[:-1] + "é",
    ],
    "a country": ["de", "De", "D", "D1", "", "  ", "Ä", "ÄÖ", "\uff24\uff25"],
    "a moment": ["infinity", "-infinity", "10000-01-01 UTC", "12000-01-01", "0044-03-15 BC"],
    "a day": ["infinity", "-infinity", "10000-01-01", "0001-12-31 BC"],
    "an object": ["null", "[]", "[1]", "1", '"a"', "true"],
    "labels": [
        *("{{a,b},{c,d}}", "{{a}}", "{NULL}", "{a,NULL}", '{""}', '{a,""}', "[0:1]={a,b}"),
        "{" + ",".join(["a"] * 51) + "}",
    ],
    "numbers": ["{{1,2},{3,4}}", "{{1}}", "{NULL}", "{1,NULL}", "{0}", "{64,-1}", "[2:3]={1,2}"],
}
GOOD = {
    "not blank": ["a", " a ", "\u200da", ".", "真", "👍", "\u0301e"],
    "an address": [
        *("a@b.co", "a.b+c@sub.b-c.example", "o'neil@b.co", "1@1.co", "a_b@xn--bcher-kva.example"),
        f"{'a' * 64}@{'b' * 63}.co",
    ],
    "a plain text": ["alice", "éàü", "真夜中", "a.b-c_d", "Алиса", "o'neil"],
    "a slug": ["a", "1", "my-song", "a.b_c-9", "a" * 255],
    "a bcrypt": [
        HASH,
        HASH.replace("2b", "2a"),
        HASH.replace("2b", "2y"),
        HASH.replace("12", "31"),
    ],
    "a country": ["DE", "ZZ"],
    "a moment": ["0001-01-01 UTC", "2026-01-01", "9999-12-31 23:59:59.999999 UTC"],
    "a day": ["0001-01-01", "1990-02-28", "9999-12-31"],
    "an object": ["{}", '{"a": null}'],
    "labels": ["{}", "{a}", '{a,b," c "}', "{" + ",".join(["a"] * 50) + "}", "{NULL_}"],
    "numbers": ["{}", "{1}", "{64,128,320}"],
}

#: A row's own id, and a time before another column's.
OWN = "3b241101-e2bb-4255-8caf-4136c566a962"
LATER, EARLIER = "2025-12-04T10:00:00Z", "2025-12-04T09:59:59Z"


def _step(type_: str) -> Decimal:
    """The distance to the nearest value of a number's type."""
    scale = re.fullmatch(r"numeric\(\d+,(\d+)\)", type_)
    return Decimal(1).scaleb(-int(scale[1]) if scale else 0)


def _pair(type_: str) -> tuple[Any, Any]:
    """Two values of a type of times or numbers, the lower one first."""
    return (EARLIER, LATER) if "time" in type_ else (1, 2)


def refused(
    column: str, words: str, types: Mapping[str, str], enums: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    """The values that a check with these words of docs/schema.md refuses, by column.

    The values are those next to the bounds, one row each. `types` has those of the table's columns,
    `enums` the labels of an enum type.
    """
    if words in BAD:
        return [{column: value} for value in BAD[words]]
    step, (low, high) = _step(types[column]), _pair(types[column])
    forms: dict[str, Callable[..., list[dict[str, Any]]]] = {
        r"≥ (\d+)": lambda least: [{column: int(least) - step}],
        r"> (\d+)": lambda below: [{column: int(below)}],
        r"(\d+) to (\d+)": lambda least, most: [
            {column: int(least) - step},
            {column: int(most) + step},
        ],
        r"0 to ([a-z]\w+)": lambda most: [{column: -1, most: 1}, {column: 2, most: 1}],
        r"≥ ([a-z]\w+)": lambda start: [{start: high, column: low}],
        r"> ([a-z]\w+)": lambda start: [{start: high, column: high}],
        r"≠ (\w+)": lambda other: [{other: OWN, column: OWN}],
        r"given unless (\w+) in \((.+)\)": lambda other, values: [
            {column: None, other: label}
            for label in enums[types[other]]
            if label not in values.split(", ")
        ],
        r"in \((.+)\)": lambda values: [
            {column: value} for value in ("", values.split(", ")[0].capitalize(), "another")
        ],
        r"(\d+) characters or more": lambda least: [{column: "é" * (int(least) - 1)}],
        r"1 to (\d+) characters": lambda most: [{column: "é" * (int(most) + 1)}],
    }
    return _of(forms, words)


def accepted(
    column: str, words: str, types: Mapping[str, str], enums: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    """The last values that such a check accepts."""
    if words in GOOD:
        return [{column: value} for value in GOOD[words]]
    step, (low, high) = _step(types[column]), _pair(types[column])
    forms: dict[str, Callable[..., list[dict[str, Any]]]] = {
        r"≥ (\d+)": lambda least: [{column: int(least)}],
        r"> (\d+)": lambda below: [{column: int(below) + step}],
        r"(\d+) to (\d+)": lambda *bounds: [{column: int(bound)} for bound in bounds],
        r"0 to ([a-z]\w+)": lambda most: [{column: 0, most: 1}, {column: 1, most: 1}],
        r"≥ ([a-z]\w+)": lambda start: [{start: high, column: high}],
        r"> ([a-z]\w+)": lambda start: [{start: low, column: high}],
        r"≠ (\w+)": lambda other: [{other: OWN, column: None}],
        r"given unless (\w+) in \((.+)\)": lambda other, values: [
            {column: None if label in values.split(", ") else LATER, other: label}
            for label in enums[types[other]]
        ],
        r"in \((.+)\)": lambda values: [{column: value} for value in values.split(", ")],
        r"(\d+) characters or more": lambda least: [{column: "é" * int(least)}],
        r"1 to (\d+) characters": lambda most: [{column: "é"}, {column: "é" * int(most)}],
    }
    return _of(forms, words)


def _of(forms: dict[str, Callable[..., list[dict[str, Any]]]], words: str) -> list[dict[str, Any]]:
    for pattern, values in forms.items():
        if match := re.fullmatch(pattern, words):
            return values(*match.groups())
    raise LookupError(f"which values does this check refuse? {words}")
