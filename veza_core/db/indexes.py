"""Indexes with PostgreSQL's own limit on names, 63 bytes, in place of Django's 30 characters."""

from django.contrib.postgres.indexes import GinIndex as DjangoGinIndex
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Upper

MAX_NAME_LENGTH = 63

#: A search for what begins with a word looks at so many words of a text.
WORDS = 4


class Index(models.Index):
    """A b-tree index, named `idx_<table>_<column>[_<column>…]` (Standard, rule 4)."""

    max_name_length = MAX_NAME_LENGTH


class GinIndex(DjangoGinIndex):
    """A GIN index, named as the others."""

    max_name_length = MAX_NAME_LENGTH


def search_index(table: str, column: str) -> GinIndex:
    """A trigram index that serves `<column>__icontains`, which Django writes as upper(column)."""
    return GinIndex(
        OpClass(Upper(column), name="gin_trgm_ops"),
        name=f"idx_{table}_{column}_trgm",
    )


def email_indexes(table: str, column: str) -> list[Index]:
    """B-trees of an e-mail address: by its beginning, and by its domain, the newest row first.

    The former is in upper case, as `istartswith` is: so it is no rival of the unique index by which
    services sign users in.
    """
    domain = Func(F(column), Value("@"), Value(2), function="split_part")
    return [
        Index(
            OpClass(Upper(column), name="text_pattern_ops"),
            name=f"idx_{table}_{column}_prefix",
        ),
        Index(domain, F("created_at").desc(), name=f"idx_{table}_{column}_domain_created_at"),
    ]


def word_indexes(table: str, column: str) -> list[Index]:
    """B-trees of a text from its first, second, … word on, in upper case.

    They find what begins with a part whatever the collation (PostgreSQL, "Operator Classes",
    11.10), and are read no further than rows are asked for; of trigrams all rows are listed.
    """
    return [
        Index(
            OpClass(Upper(_from_word(column, number)), name="text_pattern_ops"),
            name=f"idx_{table}_{column}_word{number}",
        )
        for number in range(1, WORDS + 1)
    ]


def _from_word(column: str, number: int) -> F | Func:
    """The text from its n-th word on; NULL when it has fewer."""
    if number == 1:
        return F(column)
    pattern = rf"^(?:\S+\s+){{{number - 1}}}(.+)$"
    return Func(F(column), Value(pattern), function="substring")


def set_index(table: str, column: str) -> Index:
    """An index of the rows in which the column is set; all others cost it nothing."""
    return Index(
        fields=[column],
        condition=Q(**{f"{column}__isnull": False}),
        name=f"idx_{table}_{column}",
    )
