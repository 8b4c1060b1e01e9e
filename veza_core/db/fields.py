"""Fields for the Standard's columns, native enums and hashes, with defaults of the database."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models


class EnumField(models.CharField):
    """A column of a native PostgreSQL enum type, which a migration creates.

    `enum_type` is the type's name; `choices` its values, as a `models.TextChoices`.
    """

    def __init__(self, *args: Any, enum_type: str, **kwargs: Any) -> None:
        self.enum_type = enum_type
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        # The values belong to the type: a new value needs a migration of the type itself.
        kwargs.pop("choices", None)
        return name, path, args, {**kwargs, "enum_type": self.enum_type}

    def db_type(self, connection: Any) -> str:
        return self.enum_type


class StandardField(models.Field):
    """A column that the Standard describes. `options` are the same in all tables.

    Migrations name the class without these options. So a change of `options` changes migrations
    that were released: add a new class instead.
    """

    options: ClassVar[Mapping[str, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**self.options, **kwargs})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        own = {key: value for key, value in kwargs.items() if self.options.get(key) != value}
        return name, path, args, own


class IdField(StandardField, models.UUIDField):
    """`id` (Standard, rule 1).

    `default=uuid.uuid4` exists besides the database's default because an instance without a key
    cannot be hashed until it is saved.
    """

    options: ClassVar[Mapping[str, Any]] = {
        "primary_key": True,
        "default": uuid.uuid4,
        "db_default": RandomUUID(),
        "editable": False,
        # Django serializes a key apart from the other fields.
        "serialize": False,
        "db_comment": "Random UUID, unless the client sets one, such as of version 7",
    }


class CreatedAtField(StandardField, models.DateTimeField):
    """`created_at` (Standard, rule 2)."""

    options: ClassVar[Mapping[str, Any]] = {
        "db_default": TransactionNow(),
        "editable": False,
        "db_comment": "When the row was inserted",
    }


class UpdatedAtField(StandardField, models.DateTimeField):
    """`updated_at`, which a trigger sets (Standard, rule 2).

    On UPDATE it sends CURRENT_TIMESTAMP, as the trigger does. Because of this expression, Django
    adds RETURNING, so the instance gets the database's value without another query.
    """

    options: ClassVar[Mapping[str, Any]] = {
        "db_default": TransactionNow(),
        "editable": False,
        "db_comment": "When the row was last updated, set by a trigger",
    }

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add) if add else TransactionNow()


class DeletedAtField(StandardField, models.DateTimeField):
    """`deleted_at`, in tables with soft deletion (Standard, rule 8)."""

    options: ClassVar[Mapping[str, Any]] = {
        "null": True,
        "blank": True,
        "editable": False,
        "db_comment": "When the row was soft deleted; NULL: it is live",
    }


type NamedFields = list[tuple[str, models.Field[Any, Any]]]


def columns(**fields: "models.Field[Any, Any]") -> NamedFields:
    """The fields of a migration's `CreateModel`, by name, in the order of the table's columns.

    What these three functions add never changes after a release.
    """
    return list(fields.items())


def base_columns(**fields: "models.Field[Any, Any]") -> NamedFields:
    """The same for a `BaseModel`, with the columns of every table."""
    return columns(id=IdField(), **fields, created_at=CreatedAtField(), updated_at=UpdatedAtField())


def soft_delete_columns(**fields: "models.Field[Any, Any]") -> NamedFields:
    """The same for a `SoftDeleteModel`."""
    return [*base_columns(**fields), *columns(deleted_at=DeletedAtField())]


class CascadeKey(StandardField, models.ForeignKey):
    """A foreign key whose row PostgreSQL deletes with the other row; its index is in `Meta`."""

    options: ClassVar[Mapping[str, Any]] = {"on_delete": models.DB_CASCADE, "db_index": False}


class SetNullKey(StandardField, models.ForeignKey):
    """A foreign key that PostgreSQL sets to NULL with the other row's deletion."""

    options: ClassVar[Mapping[str, Any]] = {
        "on_delete": models.DB_SET_NULL,
        "db_index": False,
        "null": True,
        "blank": True,
    }


class AddressField(models.EmailField):
    """An e-mail address, written and searched in lower case, as the columns store it."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value.lower() if isinstance(value, str) else value


@AddressField.register_lookup
class EmailDomain(models.Transform):
    """`<field>__domain`: the text after the `@`, as in `email_indexes`."""

    lookup_name = "domain"
    function = "split_part"
    template = "%(function)s(%(expressions)s, '@', 2)"
    output_field = models.TextField()


class PasswordHashField(models.CharField):
    """A bcrypt string as the Go API writes it (`$2a$10$…`, without a prefix), or NULL.

    Django's hashers need a prefix with the algorithm (`bcrypt$$2a$10$…`), and `!` for an unusable
    password; the column has neither. Raises `ValueError` for any other kind of hash.
    """

    PREFIX = "bcrypt$"
    BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")

    def get_default(self) -> str:
        """The value of a user without a password; NULL is read as the same."""
        return UNUSABLE_PASSWORD_PREFIX

    def from_db_value(self, value: str | None, *_: Any) -> str:
        if value is None:
            return UNUSABLE_PASSWORD_PREFIX
        return self.PREFIX + value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or value.startswith(UNUSABLE_PASSWORD_PREFIX):
            return None
        bcrypt = value.removeprefix(self.PREFIX)
        if bcrypt == value or not self.BCRYPT.fullmatch(bcrypt):
            raise ValueError("password_hash takes a bcrypt hash: use User.set_password()")
        return bcrypt
