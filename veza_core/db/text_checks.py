"""Checks of text, named `chk_<table>_<column>` (Standard, rule 4).

Patterns use collation "C" and name characters by their code points, so that a value is valid on all
servers or on none. A NULL passes.
"""

from typing import Any

from django.db.models import BooleanField, CheckConstraint, F, Func, Q, TextField, Value
from django.db.models.functions import Cast, Collate

#: Invisible characters: spaces, controls, direction marks, joiners, fillers, selectors, tags.
UNSEEN = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
#: HTML's "valid e-mail address" in lower case, with two labels or more and single dots.
ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}$"
BCRYPT = r"^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$"
SLUG = "^[a-z0-9][a-z0-9._-]*$"
COUNTRY = "^[A-Z]{2}$"


class Matches(Func):
    """Whether the text of a column matches a regular expression."""

    arg_joiner = " ~ "
    template = "%(expressions)s"
    output_field = BooleanField()

    def __init__(self, column: str, pattern: str) -> None:
        super().__init__(Collate(Cast(F(column), TextField()), "C"), Value(pattern))


class MatchesNot(Matches):
    """Whether it does not."""

    arg_joiner = " !~ "


def _check(table: str, column: str, condition: Any, message: str) -> CheckConstraint:
    return CheckConstraint(
        condition=condition, name=f"chk_{table}_{column}", violation_error_message=message
    )


def not_blank(table: str, column: str) -> CheckConstraint:
    """It has a visible character."""
    return _check(table, column, Matches(column, f"[^{UNSEEN}]"), "It has no visible characters.")


def email_address(table: str, column: str) -> CheckConstraint:
    """It is an address in lower case: `name@host.example`."""
    message = "An e-mail address is needed, in lower case: name@host.example"
    return _check(table, column, Matches(column, ADDRESS), message)


def slug(table: str, column: str = "slug") -> CheckConstraint:
    """Lower-case ASCII letters, digits, `.`, `_` and `-`; a letter or digit first."""
    message = "Only small letters, digits, dots, dashes and underscores, a letter or digit first."
    return _check(table, column, Matches(column, SLUG), message)


def plain_name(table: str, column: str) -> CheckConstraint:
    """All characters are visible, and none is a compatibility form of another (Unicode's NFKC).

    An `@` is refused, because a text with one is an e-mail address.
    """
    normalized = Func(
        F(column), template="%(expressions)s IS NFKC NORMALIZED", output_field=BooleanField()
    )
    condition = Q(MatchesNot(column, f"[@{UNSEEN}]")) & Q(normalized)
    message = "No spaces, no @, no invisible characters, and letters in their plain form."
    return _check(table, column, condition, message)


def bcrypt_hash(table: str, column: str, field: str) -> CheckConstraint:
    """It is a bcrypt string without a prefix; `field` is Django's name of the column."""
    return _check(table, column, Matches(field, BCRYPT), "It is not a bcrypt hash.")


def country(table: str, column: str) -> CheckConstraint:
    """It is two capital letters, as in ISO 3166-1 alpha-2."""
    return _check(table, column, Matches(column, COUNTRY), "Two capital letters are needed.")
