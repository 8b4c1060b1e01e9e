"""Tokens and sessions. Only the hash of a token is stored (Standard, rule 7)."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from veza_core.db.fields import AddressField, CascadeKey
from veza_core.db.indexes import index_on, set_index, unique_on
from veza_core.db.text_checks import email_address
from veza_core.db.value_checks import moment

from .base import BaseModel
from .users import User


class UserSession(BaseModel):
    """A signed-in client: a browser, a phone, a speaker."""

    secret_columns = frozenset({"token_hash"})
    purged_after = {"expires_at": "sessions", "revoked_at": "sessions"}

    user = CascadeKey(User, related_name="sessions", db_comment="Who is signed in")
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    device_info = models.CharField(
        max_length=255, null=True, blank=True, db_comment="The device, as the client names it"
    )
    ip_address = models.GenericIPAddressField(
        null=True, blank=True, db_comment="The client's last IP address"
    )
    user_agent = models.CharField(
        max_length=1024,
        null=True,
        blank=True,
        db_comment="The client's User-Agent, its first 1024 characters",
    )
    last_activity_at = models.DateTimeField(
        db_default=TransactionNow(), db_comment="When it was last used"
    )
    expires_at = models.DateTimeField(db_comment="When it expires")
    revoked_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it was ended early; NULL: not ended early"
    )

    class Meta:
        db_table = "user_sessions"
        db_table_comment = "Signed-in clients: browsers, phones, speakers"
        verbose_name = "session"
        constraints = [
            unique_on("user_sessions", "token_hash"),
            moment("user_sessions", "expires_at"),
        ]
        indexes = [
            # No index has last_activity_at, so using a session updates no index (HOT). A user's
            # sessions, the newest first.
            index_on("user_sessions", "user_id", "-created_at"),
            # Support search: the sessions of an address, the newest first.
            index_on("user_sessions", "ip_address", "-created_at"),
            # The purge of expired sessions.
            index_on("user_sessions", "expires_at"),
            # The purge of revoked sessions.
            set_index("user_sessions", "revoked_at"),
        ]

    def __str__(self) -> str:
        return f"session of {self.name_of('user')} ({self.device_info or str(self.id)[:8]})"


class RefreshToken(BaseModel):
    """A long-lived token that is exchanged for new access tokens."""

    secret_columns = frozenset({"token_hash"})
    purged_after = {"expires_at": "tokens", "revoked_at": "tokens"}

    user = CascadeKey(User, related_name="refresh_tokens", db_comment="Whose token it is")
    session = CascadeKey(
        UserSession,
        null=True,
        blank=True,
        related_name="refresh_tokens",
        db_comment="The session that it belongs to, and ends with; NULL: unknown",
    )
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    expires_at = models.DateTimeField(db_comment="When it expires")
    revoked_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it was revoked; NULL: not revoked"
    )
    ip_address = models.GenericIPAddressField(
        null=True, blank=True, db_comment="The IP address that it was issued to"
    )
    user_agent = models.CharField(
        max_length=1024,
        null=True,
        blank=True,
        db_comment="The client's User-Agent, its first 1024 characters",
    )

    class Meta:
        db_table = "refresh_tokens"
        db_table_comment = "Long-lived tokens, exchanged for new access tokens"
        constraints = [
            unique_on("refresh_tokens", "token_hash"),
            moment("refresh_tokens", "expires_at"),
        ]
        indexes = [
            # A user's tokens, to revoke them all.
            index_on("refresh_tokens", "user_id", "-created_at"),
            # A session's tokens, to revoke or delete them with it.
            index_on("refresh_tokens", "session_id"),
            # The purge of expired tokens.
            index_on("refresh_tokens", "expires_at"),
            # The purge of revoked tokens.
            set_index("refresh_tokens", "revoked_at"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class PasswordResetToken(BaseModel):
    """A token, sent by e-mail, with which a user can choose a new password once."""

    secret_columns = frozenset({"token_hash"})
    purged_after = {"expires_at": "tokens", "used_at": "tokens"}

    user = CascadeKey(
        User, related_name="password_reset_tokens", db_comment="Whose password it resets"
    )
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    expires_at = models.DateTimeField(db_comment="When it expires")
    used_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it was used; NULL: not used"
    )

    class Meta:
        db_table = "password_reset_tokens"
        db_table_comment = "Tokens, sent by e-mail, with which a user chooses a new password once"
        verbose_name = "password reset"
        constraints = [
            unique_on("password_reset_tokens", "token_hash"),
            moment("password_reset_tokens", "expires_at"),
        ]
        indexes = [
            # A user's tokens, to void them.
            index_on("password_reset_tokens", "user_id"),
            # The purge of expired tokens.
            index_on("password_reset_tokens", "expires_at"),
            # The purge of used tokens.
            set_index("password_reset_tokens", "used_at"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class EmailVerificationToken(BaseModel):
    """A token that proves, once, that a user reads mail at an address."""

    secret_columns = frozenset({"token_hash"})
    purged_after = {"expires_at": "tokens", "used_at": "tokens"}

    user = CascadeKey(
        User, related_name="email_verification_tokens", db_comment="Whose address is verified"
    )
    # Not an identity: several tokens may verify one address (Standard, rule 5).
    email = AddressField(max_length=255, db_comment="The address being verified, in lower case")
    token_hash = models.CharField(max_length=255, db_comment="Hash of the token: a secret")
    expires_at = models.DateTimeField(db_comment="When it expires")
    used_at = models.DateTimeField(
        null=True, blank=True, db_comment="When it was used; NULL: not used"
    )

    class Meta:
        db_table = "email_verification_tokens"
        db_table_comment = "Tokens that prove, once, that a user reads mail at an address"
        verbose_name = "e-mail verification"
        constraints = [
            unique_on("email_verification_tokens", "token_hash"),
            email_address("email_verification_tokens", "email"),
            moment("email_verification_tokens", "expires_at"),
        ]
        indexes = [
            # A user's tokens, to void them.
            index_on("email_verification_tokens", "user_id"),
            # The purge of expired tokens.
            index_on("email_verification_tokens", "expires_at"),
            # The purge of used tokens.
            set_index("email_verification_tokens", "used_at"),
        ]

    def __str__(self) -> str:
        return self.email
