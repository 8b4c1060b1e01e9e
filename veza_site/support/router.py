"""Reads that ask for it go over the `support` role, or to a replica; all else to the default."""

from typing import Any

from django.conf import settings
from django.db.models import Model

ALIAS = "support"


class SupportRouter:
    """All aliases are one database; what was read over the one is written over the other."""

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Nothing is made over the role that only reads."""
        return False if db in (ALIAS, *settings.REPLICAS) else None
