"""Tokens and sessions, without the tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.access import StaffRequest
from veza_core.models import EmailVerificationToken, PasswordResetToken, RefreshToken, UserSession
from veza_core.screens.base import Moment
from veza_core.screens.columns import computed
from veza_core.screens.display import badge
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import Finder, address, token
from veza_core.screens.states import Option, State, View, given

from .related import accounts_link
from .session_actions import RevokeSession


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


@admin.register(RefreshToken)
class RefreshTokenAdmin(TokenAdmin):
    moments = {"user": Moment("Tokens", "Refresh token", ("ip_address", "state"))}
    columns = ("id", "user", "session", "state", "ip_address", "created_at", "expires_at")
    states = (given("revoked_at", "Revoked"),)

    def glance(self, request: StaffRequest, row: RefreshToken) -> list[SafeString]:
        return [*super().glance(request, row), *accounts_link(request, row.ip_address)]

    @computed("State", "revoked_at", "expires_at")
    def state(self, row: RefreshToken) -> SafeString:
        """Whether it can still be exchanged for access tokens."""
        return token_state(row, "revoked_at", "revoked")


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(TokenAdmin):
    moments = {"user": Moment("Tokens", "Requested a new password", ("state",))}
    columns = ("id", "user", "state", "created_at", "expires_at", "used_at")
    states = (given("used_at", "Used"),)

    @computed("State", "used_at", "expires_at")
    def state(self, row: PasswordResetToken) -> SafeString:
        """Whether a password can still be chosen with it."""
        return token_state(row, "used_at", "used")


@admin.register(EmailVerificationToken)
class EmailVerificationTokenAdmin(TokenAdmin):
    moments = {"user": Moment("Tokens", "Requested verification", ("email", "state"))}
    columns = ("id", "user", "email", "state", "created_at", "expires_at", "used_at")
    states = (given("used_at", "Used"),)

    @computed("State", "used_at", "expires_at")
    def state(self, row: EmailVerificationToken) -> SafeString:
        """Whether the address can still be verified with it."""
        return token_state(row, "used_at", "used")


@admin.register(UserSession)
class UserSessionAdmin(TokenAdmin):
    moments = {"user": Moment("Sign-ins", "Signed in", ("ip_address", "device_info", "state"))}
    named_by = "user"
    columns = ("id", "user", "state", "device_info", "ip_address", "last_activity_at",
               "created_at", "expires_at")  # fmt: skip
    keys = {"ip_address": "-created_at"}
    finders = (address("ip_address", "-created_at"), token())
    row_actions = (RevokeSession(),)
    states = (
        given("revoked_at", "Revoked"),
        # Searched among those that expire last: no index has last_activity_at (ADR 5).
        State("used", "Used", (
            Option("hour", "In the last hour",
                   Q(last_activity_at__gt=Now() - timedelta(hours=1), revoked_at=None)),
        )),
    )  # fmt: skip
    views = (View("Recently active", {"used": "hour"}, "Recently active sessions"),)

    def glance(self, request: StaffRequest, row: UserSession) -> list[SafeString]:
        return [*super().glance(request, row), *accounts_link(request, row.ip_address)]

    @computed("State", "revoked_at", "expires_at")
    def state(self, row: UserSession) -> SafeString:
        """Whether the client is still signed in."""
        return token_state(row, "revoked_at", "revoked")
