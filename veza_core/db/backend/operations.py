"""Differences from Django's PostgreSQL operations."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.color import Style
from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    """Foreign keys are NOT DEFERRABLE: an invalid reference fails at once, not at COMMIT."""

    def deferrable_sql(self) -> str:
        return ""

    def sql_flush(self, style: Style, tables: Sequence[str], **options: Any) -> list[str]:
        """Django's, without append-only tables, whose triggers would refuse it."""
        append_only = settings.APPEND_ONLY_TABLES
        return super().sql_flush(
            style, [table for table in tables if table not in append_only], **options
        )
