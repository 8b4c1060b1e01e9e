"""Accounts, federated identities, tokens and sessions."""

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.db import migrations, models
from django.db.models import Q, UniqueConstraint
from django.db.models.functions import Upper

from veza_core.db.constraints import LIVE, at_least_characters, non_negative
from veza_core.db.fields import (
    AddressField,
    CascadeKey,
    EnumField,
    PasswordHashField,
    base_columns,
    soft_delete_columns,
)
from veza_core.db.indexes import Index, email_indexes, index_on, search_index, set_index, unique_on
from veza_core.db.operations import LARGE, SetStorageParameters
from veza_core.db.text_checks import bcrypt_hash, email_address, not_blank, plain_name, slug
from veza_core.db.value_checks import moment


class Migration(migrations.Migration):
    # The admin's first migration waits for this app's first, 001, which has no users yet.
    run_before = [("admin", "0001_initial")]

    dependencies = [("veza_core", "001_extensions_and_types")]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=soft_delete_columns(
                email=AddressField(
                    db_comment="E-mail address for sign-in, in lower case; unique among live rows",
                    max_length=255,
                ),
                username=models.CharField(
                    db_comment="Public name; unique among live rows, in any case", max_length=30
                ),
                slug=models.CharField(
                    blank=True,
                    db_comment="Name of the profile in URLs; unique among live rows",
                    max_length=255,
                    null=True,
                ),
                password=PasswordHashField(
                    blank=True,
                    db_column="password_hash",
                    db_comment="bcrypt ($2a$, $2b$ or $2y$); NULL: signs in through a federated identity only",
                    max_length=255,
                    null=True,
                ),
                role=EnumField(
                    db_comment="The account's kind; fine-grained permissions are in user_roles",
                    db_default="user",
                    enum_type="user_role",
                ),
                is_active=models.BooleanField(
                    db_comment="False: deactivated, cannot sign in", db_default=True
                ),
                is_verified=models.BooleanField(
                    db_comment="Whether the e-mail address was verified", db_default=False
                ),
                is_banned=models.BooleanField(db_comment="True: banned by staff", db_default=False),
                token_version=models.IntegerField(
                    db_comment="In every access token; a higher value makes all earlier ones invalid",
                    db_default=0,
                ),
                failed_login_count=models.IntegerField(
                    db_comment="Failed sign-ins since the last successful one", db_default=0
                ),
                locked_until=models.DateTimeField(
                    blank=True,
                    db_comment="No sign-in before this time; NULL: not locked",
                    null=True,
                ),
                last_login=models.DateTimeField(
                    blank=True,
                    db_column="last_login_at",
                    db_comment="When the user last signed in; NULL: never",
                    null=True,
                ),
            ),
            options={
                "db_table": "users",
                "db_table_comment": "Accounts",
                "indexes": [
                    index_on("users", "role", "-created_at", condition=~Q(role="user")),
                    index_on("users", "-created_at"),
                    *email_indexes("users", "email"),
                    search_index("users", "username"),
                    set_index("users", "deleted_at"),
                    set_index("users", "locked_until"),
                ],
                "constraints": [
                    unique_on("users", "email", condition=LIVE),
                    unique_on("users", "username", condition=LIVE),
                    UniqueConstraint(
                        Upper("username"), condition=LIVE, name="idx_users_username_upper"
                    ),
                    unique_on("users", "slug", condition=LIVE),
                    email_address("users", "email"),
                    plain_name("users", "username"),
                    at_least_characters("users", "username", 3),
                    slug("users"),
                    bcrypt_hash("users", "password_hash", "password"),
                    non_negative("users", "token_version"),
                    non_negative("users", "failed_login_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FederatedIdentity",
            fields=soft_delete_columns(
                user=CascadeKey(
                    db_comment="The account it signs in to",
                    related_name="federated_identities",
                    to=settings.AUTH_USER_MODEL,
                ),
                provider=models.CharField(
                    db_comment="Open vocabulary, such as google, apple, spotify", max_length=50
                ),
                provider_user_id=models.CharField(
                    db_comment="The user's id at the provider", max_length=255
                ),
                email=models.CharField(
                    blank=True,
                    db_comment="The address that the provider reports; not this platform's identity",
                    max_length=255,
                    null=True,
                ),
                display_name=models.CharField(
                    blank=True,
                    db_comment="The name that the provider reports",
                    max_length=255,
                    null=True,
                ),
                avatar_url=models.TextField(
                    blank=True, db_comment="The picture that the provider reports", null=True
                ),
                access_token=models.TextField(
                    blank=True, db_comment="The provider's OAuth access token: a secret", null=True
                ),
                refresh_token=models.TextField(
                    blank=True, db_comment="The provider's OAuth refresh token: a secret", null=True
                ),
                token_expires_at=models.DateTimeField(
                    blank=True, db_comment="When access_token expires", null=True
                ),
            ),
            options={
                "db_table": "federated_identities",
                "verbose_name": "linked account",
                "db_table_comment": "Identities at other providers (OAuth) through which users sign in",
                "indexes": [
                    index_on("federated_identities", "user_id", "provider"),
                    Index(Upper("email"), name="idx_federated_identities_email_upper"),
                    index_on("federated_identities", "-created_at"),
                    set_index("federated_identities", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(
                        fields=["provider", "provider_user_id"],
                        condition=LIVE,
                        name="idx_federated_identities_provider_provider_user_id",
                    ),
                    not_blank("federated_identities", "provider"),
                    not_blank("federated_identities", "provider_user_id"),
                    not_blank("federated_identities", "display_name"),
                    moment("federated_identities", "token_expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSession",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Who is signed in",
                    related_name="sessions",
                    to=settings.AUTH_USER_MODEL,
                ),
                token_hash=models.CharField(
                    db_comment="Hash of the token: a secret", max_length=255
                ),
                device_info=models.CharField(
                    blank=True,
                    db_comment="The device, as the client names it",
                    max_length=255,
                    null=True,
                ),
                ip_address=models.GenericIPAddressField(
                    blank=True, db_comment="The client's last IP address", null=True
                ),
                user_agent=models.CharField(
                    blank=True,
                    db_comment="The client's User-Agent, its first 1024 characters",
                    max_length=1024,
                    null=True,
                ),
                last_activity_at=models.DateTimeField(
                    db_comment="When it was last used", db_default=TransactionNow()
                ),
                expires_at=models.DateTimeField(db_comment="When it expires"),
                revoked_at=models.DateTimeField(
                    blank=True,
                    db_comment="When it was ended early; NULL: not ended early",
                    null=True,
                ),
            ),
            options={
                "db_table": "user_sessions",
                "verbose_name": "session",
                "db_table_comment": "Signed-in clients: browsers, phones, speakers",
                "indexes": [
                    index_on("user_sessions", "user_id", "-created_at"),
                    index_on("user_sessions", "ip_address", "-created_at"),
                    index_on("user_sessions", "expires_at"),
                    set_index("user_sessions", "revoked_at"),
                ],
                "constraints": [
                    unique_on("user_sessions", "token_hash"),
                    moment("user_sessions", "expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Whose token it is",
                    related_name="refresh_tokens",
                    to=settings.AUTH_USER_MODEL,
                ),
                session=CascadeKey(
                    blank=True,
                    db_comment="The session that it belongs to, and ends with; NULL: unknown",
                    null=True,
                    related_name="refresh_tokens",
                    to="veza_core.usersession",
                ),
                token_hash=models.CharField(
                    db_comment="Hash of the token: a secret", max_length=255
                ),
                expires_at=models.DateTimeField(db_comment="When it expires"),
                revoked_at=models.DateTimeField(
                    blank=True, db_comment="When it was revoked; NULL: not revoked", null=True
                ),
                ip_address=models.GenericIPAddressField(
                    blank=True, db_comment="The IP address that it was issued to", null=True
                ),
                user_agent=models.CharField(
                    blank=True,
                    db_comment="The client's User-Agent, its first 1024 characters",
                    max_length=1024,
                    null=True,
                ),
            ),
            options={
                "db_table": "refresh_tokens",
                "db_table_comment": "Long-lived tokens, exchanged for new access tokens",
                "indexes": [
                    index_on("refresh_tokens", "user_id", "-created_at"),
                    index_on("refresh_tokens", "session_id"),
                    index_on("refresh_tokens", "expires_at"),
                    set_index("refresh_tokens", "revoked_at"),
                ],
                "constraints": [
                    unique_on("refresh_tokens", "token_hash"),
                    moment("refresh_tokens", "expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PasswordResetToken",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Whose password it resets",
                    related_name="password_reset_tokens",
                    to=settings.AUTH_USER_MODEL,
                ),
                token_hash=models.CharField(
                    db_comment="Hash of the token: a secret", max_length=255
                ),
                expires_at=models.DateTimeField(db_comment="When it expires"),
                used_at=models.DateTimeField(
                    blank=True, db_comment="When it was used; NULL: not used", null=True
                ),
            ),
            options={
                "db_table": "password_reset_tokens",
                "verbose_name": "password reset",
                "db_table_comment": "Tokens, sent by e-mail, with which a user chooses a new password once",
                "indexes": [
                    index_on("password_reset_tokens", "user_id"),
                    index_on("password_reset_tokens", "expires_at"),
                    set_index("password_reset_tokens", "used_at"),
                ],
                "constraints": [
                    unique_on("password_reset_tokens", "token_hash"),
                    moment("password_reset_tokens", "expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="EmailVerificationToken",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Whose address is verified",
                    related_name="email_verification_tokens",
                    to=settings.AUTH_USER_MODEL,
                ),
                email=AddressField(
                    db_comment="The address being verified, in lower case", max_length=255
                ),
                token_hash=models.CharField(
                    db_comment="Hash of the token: a secret", max_length=255
                ),
                expires_at=models.DateTimeField(db_comment="When it expires"),
                used_at=models.DateTimeField(
                    blank=True, db_comment="When it was used; NULL: not used", null=True
                ),
            ),
            options={
                "db_table": "email_verification_tokens",
                "verbose_name": "e-mail verification",
                "db_table_comment": "Tokens that prove, once, that a user reads mail at an address",
                "indexes": [
                    index_on("email_verification_tokens", "user_id"),
                    index_on("email_verification_tokens", "expires_at"),
                    set_index("email_verification_tokens", "used_at"),
                ],
                "constraints": [
                    unique_on("email_verification_tokens", "token_hash"),
                    email_address("email_verification_tokens", "email"),
                    moment("email_verification_tokens", "expires_at"),
                ],
            },
        ),
        SetStorageParameters("users", fillfactor=95, **LARGE),
        SetStorageParameters("user_sessions", fillfactor=95, **LARGE),
        SetStorageParameters("refresh_tokens", **LARGE),
    ]
