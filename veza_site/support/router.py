"""Reads use the `support` role or a replica if the code asks for it; all else uses the default."""

from typing import Any

from django.conf import settings
from django.db.models import Model

ALIAS = "support"


class SupportRouter:
    """All aliases are the same database. What was read through one is written through another."""

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Nothing is created through the role that only reads."""
        return False if db in (ALIAS, *settings.REPLICAS) else None
