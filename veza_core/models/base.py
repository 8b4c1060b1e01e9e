"""What all tables of the platform share: rules 1, 2 and 8 of the Standard."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any, ClassVar, Self

import psycopg
from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, models, router, transaction
from django.db.models.expressions import Combinable

from veza_core.counters import Counter, Differences, add, counting
from veza_core.db.fields import CreatedAtField, DeletedAtField, IdField, UpdatedAtField


class BaseModel(models.Model):
    """A UUID key and two times, which PostgreSQL sets for all clients."""

    #: Columns that this project never shows, exports, logs or searches by.
    secret_columns: ClassVar[frozenset[str]] = frozenset()
    #: Rows that `purge` deletes: a column with a time, and the key of `settings.PURGE_AFTER_DAYS`
    #: with the number of days. An index begins with each of these columns.
    purged_after: ClassVar[Mapping[str, str]] = {}
    #: Columns of the table that count rows of another table.
    counters: ClassVar[tuple[Counter, ...]] = ()

    id = IdField()
    created_at = CreatedAtField()
    updated_at = UpdatedAtField()

    class Meta:
        abstract = True

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save as Django does, and read `updated_at` back, whichever fields are saved."""
        if update_fields:
            update_fields = {*update_fields, "updated_at"}
        super().save(update_fields=update_fields, **kwargs)

    def name_of(self, key: str) -> str:
        """The name of the row that a foreign key refers to, if it was read; otherwise part of its
        id.

        It never runs a query: a list would need one for each row.
        """
        target = self._state.fields_cache.get(key)
        attname = str(self._meta.get_field(key).attname)  # type: ignore[union-attr]
        return str(target) if target is not None else str(self.__dict__.get(attname))[:8]


class RestoreConflictError(ValidationError):
    """A row cannot be restored, because a live row has one of its unique values."""


class LiveManager[M: models.Model](models.Manager[M]):
    """Rows that are not soft deleted."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(deleted_at__isnull=True)


class SoftDeleteModel(BaseModel):
    """A table with soft deletion: deleted rows are marked, and hidden from `objects`.

    Soft deletion never cascades, so a restored playlist has its tracks.
    """

    deleted_at: "models.DateTimeField[datetime | Combinable | None, datetime | None]" = (
        DeletedAtField()
    )

    objects: ClassVar[models.Manager[Self]] = LiveManager()
    all_objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True

    def soft_delete(self) -> None:
        """Mark the row as deleted, at the database's time. A deleted row does not change."""
        if self.deleted_at is None:
            self._set_deleted_at(TransactionNow(), -1)

    def restore(self) -> None:
        """Restore a soft-deleted row. A live row does not change.

        Raises `RestoreConflictError` if a live row has taken one of its unique values; the row then
        stays deleted.
        """
        if self.deleted_at is None:
            return
        deleted_at = self.deleted_at
        try:
            with transaction.atomic(using=self._state.db):
                self._set_deleted_at(None, 1)
        except IntegrityError as error:
            self.deleted_at = deleted_at
            cause = error.__cause__
            if not isinstance(cause, psycopg.errors.UniqueViolation):
                raise
            raise RestoreConflictError(
                f"This {self._meta.verbose_name} cannot be restored: "
                f"a live one has the same value. {cause.diag.message_detail}",
                code=cause.diag.constraint_name,
            ) from error

    def counted(self, rows: int) -> Differences:
        """The changes of the counters that count this row, if it counts for so many more."""
        attributes = {field.column: field.attname for field in self._meta.concrete_fields}
        return {
            (table, counter.column): {getattr(self, attributes[counter.key]): rows}
            for table, counter in counting(self._meta.db_table)
        }

    def _set_deleted_at(self, value: TransactionNow | None, rows: int) -> None:
        """Save it and the counters in one transaction."""
        differences = self.counted(rows)
        alias = router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=alias) if differences else nullcontext():
            if differences and not self._is_still(alias, deleted=value is None):
                # Somebody else has done it, and has counted it.
                self.refresh_from_db(using=alias, fields=["deleted_at", "updated_at"])
                return
            self.deleted_at = value
            self.save(using=alias, update_fields=["deleted_at"])
            add(connections[alias], differences)

    def _is_still(self, alias: str, *, deleted: bool) -> bool:
        """Lock the row, and return whether it is still soft deleted, or still live."""
        rows = type(self)._base_manager.using(alias).select_for_update(no_key=True)
        return bool(rows.filter(pk=self.pk, deleted_at__isnull=not deleted).values_list("pk"))
