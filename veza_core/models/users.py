"""Users, and their identities at other providers."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import ExpressionWrapper, F, Q, UniqueConstraint
from django.db.models.functions import Now, Upper
from django.utils.crypto import salted_hmac

from veza_core.db.constraints import LIVE, at_least_characters, non_negative
from veza_core.db.fields import AddressField, CascadeKey, EnumField, PasswordHashField
from veza_core.db.indexes import Index, email_indexes, index_on, search_index, set_index, unique_on
from veza_core.db.text_checks import bcrypt_hash, email_address, not_blank, plain_name, slug
from veza_core.db.value_checks import moment
from veza_core.passwords import MaximumBytesValidator

from .base import LiveManager, SoftDeleteModel


class UserRole(models.TextChoices):
    """The values of PostgreSQL type `user_role`, in ascending order."""

    USER = "user"
    PREMIUM = "premium"
    SUPPORT = "support"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"


class UserManager(LiveManager["User"], BaseUserManager["User"]):
    """Live users only; `User.all_objects` has all of them."""

    def get_by_natural_key(self, identifier: str | None) -> "User":
        """Find a live user by e-mail or username.

        A text with an `@` is only compared with e-mails. So nobody can sign in to another account,
        or lock it, by using its e-mail as a username. The user has `is_locked`, by the database's
        clock. Raises `User.DoesNotExist`.
        """
        identifier = identifier or ""
        column = "email" if "@" in identifier else "username__iexact"
        locked = ExpressionWrapper(Q(locked_until__gt=Now()), models.BooleanField(null=True))
        return self.annotate(is_locked=locked).get(**{column: identifier})

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The address in lower case, as the column stores it."""
        return (email or "").strip().lower()

    def create_user(
        self, email: str, username: str, password: str | None = None, **extra: Any
    ) -> "User":
        """Insert a user. Raises `ValueError` for a password of more than 72 bytes."""
        user = self.model(email=self.normalize_email(email), username=username, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, username: str, password: str | None = None, **extra: Any
    ) -> "User":
        """Insert a user with role `super_admin`, for `manage.py createsuperuser`.

        Raises `ValidationError`, which the command prints as one line, for a value that is taken or
        malformed, and for a password of more than 72 bytes.
        """
        if password is not None:
            MaximumBytesValidator().validate(password)
        extra = {"role": UserRole.SUPER_ADMIN, "is_verified": True, **extra}
        user = self.model(email=self.normalize_email(email), username=username, **extra)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user


class User(SoftDeleteModel, AbstractBaseUser):
    """An account. Django's groups and permissions are not used: see `veza_core.models.rbac`."""

    secret_columns = frozenset({"password_hash"})

    email = AddressField(
        max_length=255,
        db_comment="E-mail address for sign-in, in lower case; unique among live rows",
    )
    username = models.CharField(
        max_length=30, db_comment="Public name; unique among live rows, in any case"
    )
    slug = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        db_comment="Name of the profile in URLs; unique among live rows",
    )
    password = PasswordHashField(  # type: ignore[assignment]  # never None: see the field
        max_length=255,
        null=True,
        blank=True,
        db_column="password_hash",
        db_comment="bcrypt ($2a$, $2b$ or $2y$); NULL: signs in through a federated identity only",
    )
    role = EnumField(
        enum_type="user_role",
        choices=UserRole.choices,
        db_default=UserRole.USER,
        db_comment="The account's kind; fine-grained permissions are in user_roles",
    )
    is_active = models.BooleanField(
        db_default=True, db_comment="False: deactivated, cannot sign in"
    )
    is_verified = models.BooleanField(
        db_default=False, db_comment="Whether the e-mail address was verified"
    )
    is_banned = models.BooleanField(db_default=False, db_comment="True: banned by staff")
    token_version = models.IntegerField(
        db_default=0,
        db_comment="In every access token; a higher value makes all earlier ones invalid",
    )
    failed_login_count = models.IntegerField(
        db_default=0, db_comment="Failed sign-ins since the last successful one"
    )
    locked_until = models.DateTimeField(
        null=True, blank=True, db_comment="No sign-in before this time; NULL: not locked"
    )
    last_login = models.DateTimeField(
        null=True,
        blank=True,
        db_column="last_login_at",
        db_comment="When the user last signed in; NULL: never",
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    _password: str | None

    class Meta:
        db_table = "users"
        db_table_comment = "Accounts"
        constraints = [
            unique_on("users", "email", condition=LIVE),
            # For services, which compare the name itself.
            unique_on("users", "username", condition=LIVE),
            # Nobody can take a name that differs only in case; it also serves the sign-in.
            UniqueConstraint(Upper("username"), condition=LIVE, name="idx_users_username_upper"),
            unique_on("users", "slug", condition=LIVE),
            email_address("users", "email"),
            plain_name("users", "username"),
            at_least_characters("users", "username", 3),
            slug("users"),
            bcrypt_hash("users", "password_hash", "password"),
            non_negative("users", "token_version"),
            non_negative("users", "failed_login_count"),
        ]
        indexes = [
            # All roles except `user`, which nearly all accounts have; the newest first.
            index_on("users", "role", "-created_at", condition=~Q(role="user")),
            # Newest accounts.
            index_on("users", "-created_at"),
            # Support search: an e-mail, its beginning or its domain, and part of a username.
            *email_indexes("users", "email"),
            search_index("users", "username"),
            # The purge of accounts that were deleted long ago.
            set_index("users", "deleted_at"),
            # Support: the accounts that are locked now. Only an update that locks or unlocks writes
            # to it.
            set_index("users", "locked_until"),
        ]

    def __str__(self) -> str:
        return self.username

    def save(self, **kwargs: Any) -> None:
        """Save as Django does. A new password (`set_password`) ends sessions and tokens of the
        old one.
        """
        is_set = self._password is not None  # Django's own mark
        names = kwargs.get("update_fields")
        if is_set and not self._state.adding and (names is None or "password" in names):
            self.token_version = F("token_version") + 1
            if names is not None:
                kwargs["update_fields"] = {*names, "token_version"}
        super().save(**kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a Django session stores, and becomes invalid with: `token_version`.

        Django uses the password's hash, which would then be read with every request.
        """
        salt = "veza_core.models.users.User.token_version"
        version = str(self.token_version)
        return salted_hmac(salt, version, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_superuser(self) -> bool:
        """Whether the account may do everything (`user_role` super_admin)."""
        return self.role == UserRole.SUPER_ADMIN


class FederatedIdentity(SoftDeleteModel):
    """An identity at another provider (OAuth) through which a user signs in."""

    secret_columns = frozenset({"access_token", "refresh_token"})

    user = CascadeKey(
        User, related_name="federated_identities", db_comment="The account it signs in to"
    )
    provider = models.CharField(
        max_length=50, db_comment="Open vocabulary, such as google, apple, spotify"
    )
    provider_user_id = models.CharField(max_length=255, db_comment="The user's id at the provider")
    email = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        db_comment="The address that the provider reports; not this platform's identity",
    )
    display_name = models.CharField(
        max_length=255, null=True, blank=True, db_comment="The name that the provider reports"
    )
    avatar_url = models.TextField(
        null=True, blank=True, db_comment="The picture that the provider reports"
    )
    access_token = models.TextField(
        null=True, blank=True, db_comment="The provider's OAuth access token: a secret"
    )
    refresh_token = models.TextField(
        null=True, blank=True, db_comment="The provider's OAuth refresh token: a secret"
    )
    token_expires_at = models.DateTimeField(
        null=True, blank=True, db_comment="When access_token expires"
    )

    class Meta:
        db_table = "federated_identities"
        db_table_comment = "Identities at other providers (OAuth) through which users sign in"
        verbose_name = "linked account"
        constraints = [
            UniqueConstraint(
                fields=["provider", "provider_user_id"],
                condition=LIVE,
                name="idx_federated_identities_provider_provider_user_id",
            ),
            not_blank("federated_identities", "provider"),
            not_blank("federated_identities", "provider_user_id"),
            not_blank("federated_identities", "display_name"),
            moment("federated_identities", "token_expires_at"),
        ]
        indexes = [
            # A user's identities.
            index_on("federated_identities", "user_id", "provider"),
            # Support search: for users who know only their address at the provider.
            Index(Upper("email"), name="idx_federated_identities_email_upper"),
            # The newest of all.
            index_on("federated_identities", "-created_at"),
            # The purge of identities that were deleted long ago.
            set_index("federated_identities", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.provider_user_id}"
