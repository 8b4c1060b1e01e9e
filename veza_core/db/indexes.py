"""Indexes with PostgreSQL's limit for names, 63 bytes, instead of Django's 30 characters."""

from django.contrib.postgres.indexes import GinIndex as DjangoGinIndex
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Func, Q, UniqueConstraint, Value
from django.db.models.functions import Upper

MAX_NAME_LENGTH = 63

#: The number of words of a text that a search for word beginnings uses.
WORDS = 4


class Index(models.Index):
    """A b-tree index, named `idx_<table>_<column>[_<column>…]` (Standard, rule 4)."""

    max_name_length = MAX_NAME_LENGTH


class GinIndex(DjangoGinIndex):
    """A GIN index, with the same kind of name."""

    max_name_length = MAX_NAME_LENGTH


def index_on(table: str, *columns: str, condition: Q | None = None) -> Index:
    """A b-tree index with the name by the convention. `-created_at` is in descending order.

    A foreign key is given by its column, which ends in `_id`. No other column with this end can be.
    """
    fields = [column.removesuffix("_id") for column in columns]
    return Index(fields=fields, condition=condition, name=_name(table, columns))


def unique_on(table: str, *columns: str, condition: Q | None = None) -> UniqueConstraint:
    """The same, unique; with a condition, only among the rows for which it is true."""
    fields = [column.removesuffix("_id") for column in columns]
    return UniqueConstraint(fields=fields, condition=condition, name=_name(table, columns))


def _name(table: str, columns: tuple[str, ...]) -> str:
    return "_".join(["idx", table, *(column.removeprefix("-") for column in columns)])


def search_index(table: str, column: str) -> GinIndex:
    """A trigram index for `<column>__icontains`, which Django writes as upper(column)."""
    return GinIndex(
        OpClass(Upper(column), name="gin_trgm_ops"),
        name=f"idx_{table}_{column}_trgm",
    )


def email_indexes(table: str, column: str) -> list[Index]:
    """B-trees on an e-mail address: on its beginning, and on its domain with the newest row first.

    The first is in upper case, as for `istartswith`. So PostgreSQL does not choose it instead of
    the unique index with which services sign users in.
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
    """B-trees on a text from its first, second, … word on, in upper case.

    They find words by their beginning, whatever the collation (PostgreSQL, "Operator Classes",
    11.10). PostgreSQL reads only as many entries as rows are wanted; a trigram index lists all
    rows.
    """
    return [
        Index(
            OpClass(Upper(_from_word(column, number)), name="text_pattern_ops"),
            name=f"idx_{table}_{column}_word{number}",
        )
        for number in range(1, WORDS + 1)
    ]


def _from_word(column: str, number: int) -> F | Func:
    """The text from its n-th word on; NULL if it has fewer."""
    if number == 1:
        return F(column)
    pattern = rf"^(?:\S+\s+){{{number - 1}}}(.+)$"
    return Func(F(column), Value(pattern), function="substring")


def set_index(table: str, column: str) -> Index:
    """An index of the rows in which the column is not NULL; other rows are not in it."""
    return index_on(table, column, condition=Q(**{f"{column}__isnull": False}))
