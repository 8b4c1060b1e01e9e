"""Indexes with PostgreSQL's own limit on names, 63 bytes, in place of Django's 30 characters."""

from django.contrib.postgres.indexes import GinIndex as DjangoGinIndex
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

MAX_NAME_LENGTH = 63


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


def set_index(table: str, column: str) -> Index:
    """An index of the rows in which the column is set; all others cost it nothing."""
    return Index(
        fields=[column],
        condition=Q(**{f"{column}__isnull": False}),
        name=f"idx_{table}_{column}",
    )
