"""Tokens and sessions, without the tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.postgres.functions import TransactionNow
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.models import EmailVerificationToken, PasswordResetToken, RefreshToken, UserSession
from veza_core.screens.actions.action import Change, ChangeContext, SetColumns
from veza_core.screens.base import Moment
from veza_core.screens.columns import computed
from veza_core.screens.display import badge
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import Finder, address, token
from veza_core.screens.states import Option, State, View, given

from .standing import owner_refusals


def token_state(row: Any, ended: str, word: str) -> SafeString:
    """Whether a token is still valid. `ended` is the column that ends it early."""
    if getattr(row, ended) is not None:
        return badge(word, tone="quiet")
    if row.expires_at <= timezone.now():
        return badge("expired", tone="quiet")
    return badge("live")


class TokenAdmin(InspectionAdmin):
    """The base for rows that expire, listed by their expiry."""

    group = "Accounts"
    order = "-expires_at"
    finders: ClassVar[Sequence[Finder]] = (token(),)


class RevocableAdmin(TokenAdmin):
    @computed("State", "revoked_at", "expires_at")
    def state(self, row: Any) -> SafeString:
        return token_state(row, "revoked_at", "revoked")


class OneTimeAdmin(TokenAdmin):
    states = (given("used_at", "Used"),)

    @computed("State", "used_at", "expires_at")
    def state(self, row: Any) -> SafeString:
        return token_state(row, "used_at", "used")


@admin.register(RefreshToken)
class RefreshTokenAdmin(RevocableAdmin):
    moments = {"user": Moment("Tokens", "Refresh token", ("ip_address", "state"))}
    columns = ("id", "user", "session", "state", "ip_address", "created_at", "expires_at")
    states = (given("revoked_at", "Revoked"),)


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(OneTimeAdmin):
    moments = {"user": Moment("Tokens", "Requested a new password", ("state",))}
    columns = ("id", "user", "state", "created_at", "expires_at", "used_at")


@admin.register(EmailVerificationToken)
class EmailVerificationTokenAdmin(OneTimeAdmin):
    moments = {"user": Moment("Tokens", "Requested verification", ("email", "state"))}
    columns = ("id", "user", "email", "state", "created_at", "expires_at", "used_at")


class RevokeSession(SetColumns):
    """Revokes a session and the refresh tokens that would keep it signed in."""

    name = "revoke"
    label = "Revoke"
    done = "Revoked"
    explanation = (
        "The session is revoked together with its refresh tokens: the device is signed out when "
        "its access token expires. Other devices stay signed in. This cannot be undone."
    )
    permissions: Sequence[str] = ("user_sessions.update", "refresh_tokens.update")
    when = {"revoked_at": None}
    sets = {"revoked_at": TransactionNow()}
    in_lists = True
    rule = staticmethod(owner_refusals("user"))

    def applies(self, row: UserSession) -> bool:
        # Refresh tokens end with their session: there is nothing to revoke after its expiry.
        return super().applies(row) and row.expires_at > timezone.now()

    def is_drastic(self, rows: int) -> bool:
        return super().is_drastic(rows) or rows > 1

    def change(self, row: UserSession, work: ChangeContext) -> Change:
        session = super().change(row, work)
        tokens = RefreshToken.objects.filter(
            session_id=row.pk, revoked_at__isnull=True, expires_at__gt=TransactionNow()
        )
        revoked = tokens.update(revoked_at=TransactionNow())
        return Change(session.before, {**session.after, "refresh_tokens_revoked": revoked})


@admin.register(UserSession)
class UserSessionAdmin(RevocableAdmin):
    moments = {"user": Moment("Sign-ins", "Signed in", ("ip_address", "device_info", "state"))}
    named_by = "user"
    columns = ("id", "user", "state", "device_info", "ip_address", "last_activity_at",
               "created_at", "expires_at")  # fmt: skip
    keys = {"ip_address": "-created_at"}
    finders = (address("ip_address", "-created_at"), token())
    row_actions = (RevokeSession(),)
    states = (
        given("revoked_at", "Revoked"),
        # Only the sessions that expire last are searched: no index has last_activity_at (ADR 5).
        State("used", "Used", (
            Option("hour", "In the last hour",
                   Q(last_activity_at__gt=Now() - timedelta(hours=1), revoked_at=None)),
        )),
    )  # fmt: skip
    views = (View("Recently active", {"used": "hour"}, "Recently active sessions"),)
