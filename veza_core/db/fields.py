"""Fields that mirror what PostgreSQL itself makes: native enums, `updated_at`, bcrypt hashes."""

from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.postgres.functions import TransactionNow
from django.db import models


class EnumField(models.CharField):
    """A column of a native PostgreSQL enum type, which migration 001 creates.

    `enum_type` is the type's name; `choices` its values, as a `models.TextChoices`.
    """

    def __init__(self, *args: Any, enum_type: str, **kwargs: Any) -> None:
        self.enum_type = enum_type
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        # The type's values belong to the type: a new value is a migration on the type itself.
        kwargs.pop("choices", None)
        return name, path, args, {**kwargs, "enum_type": self.enum_type}

    def db_type(self, connection: Any) -> str:
        return self.enum_type


class UpdatedAtField(models.DateTimeField):
    """`updated_at`, which a trigger keeps (Standard, rule 2).

    On UPDATE it sends CURRENT_TIMESTAMP, as the trigger does: an expression makes Django add
    RETURNING, so the instance gets the database's value back without a query more.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add) if add else TransactionNow()


class PasswordHashField(models.CharField):
    """A bcrypt string as the Go API writes it (`$2a$10$…`, nothing in front), or NULL.

    Django's hashers want the algorithm in front (`bcrypt$$2a$10$…`) and `!` for a password that
    nobody can use; the column holds neither. Raises `ValueError` for any other kind of hash.
    """

    PREFIX = "bcrypt$"

    def from_db_value(self, value: str | None, *_: Any) -> str:
        return UNUSABLE_PASSWORD_PREFIX if value is None else self.PREFIX + value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or value.startswith(UNUSABLE_PASSWORD_PREFIX):
            return None
        if not value.startswith(self.PREFIX + "$2"):
            raise ValueError("password_hash takes a bcrypt hash: use User.set_password()")
        return value.removeprefix(self.PREFIX)
