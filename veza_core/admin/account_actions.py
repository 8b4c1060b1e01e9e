"""The actions on an account."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.postgres.functions import TransactionNow
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from psycopg.errors import UniqueViolation

from veza_core.access import Access
from veza_core.models import (
    EmailVerificationToken,
    PasswordResetToken,
    RefreshToken,
    User,
    UserSession,
)
from veza_core.screens.actions.action import (
    Change,
    ChangeContext,
    ConflictError,
    RowAction,
    SetColumns,
)
from veza_core.screens.actions.soft_deletion import Restore

from .standing import account_refusals

#: How long a suspension can be: days, and their label.
SUSPENSIONS = (
    (1, "a day"), (3, "three days"), (7, "a week"), (14, "two weeks"), (30, "30 days"),
    (90, "90 days"),
)  # fmt: skip

#: A higher value makes all earlier access tokens and sessions invalid.
NEXT_VERSION = F("token_version") + Value(1)


class AccountAction(SetColumns):
    """An action on somebody else's live account that has no more permissions than the user."""

    permissions: Sequence[str] = ("users.update",)
    in_lists = True
    rule = staticmethod(account_refusals)

    def applies(self, row: User) -> bool:
        return row.deleted_at is None and super().applies(row)


class SignsOut(AccountAction):
    """Also ends all sessions and refresh tokens of the account, and makes access tokens invalid."""

    permissions: Sequence[str] = (
        "users.update", "user_sessions.update", "refresh_tokens.update",
    )  # fmt: skip
    typed = "username"

    def change(self, row: User, work: ChangeContext) -> Change:
        own = super().change(row, work)
        return Change(own.before, {**own.after, **sign_out(row)})


def sign_out(user: User) -> dict[str, int]:
    """Revoke the user's valid sessions and tokens; return how many rows of each table these were.

    Rows that were revoked or have expired before do not change: they say when that was.
    """
    return {
        f"{model._meta.db_table}_revoked": model._base_manager.filter(
            user_id=user.pk, revoked_at__isnull=True, expires_at__gt=TransactionNow()
        ).update(revoked_at=TransactionNow())
        for model in (UserSession, RefreshToken)
    }


class Ban(SignsOut):
    name = "ban"
    label = "Ban"
    done = "Banned"
    explanation = (
        "The user is signed out everywhere and cannot sign in again until the ban is lifted. What "
        "the user published does not change."
    )
    when = {"is_banned": False}
    sets = {"is_banned": True, "token_version": NEXT_VERSION}
    undo = "unban"


class Unban(AccountAction):
    name = "unban"
    label = "Lift the ban"
    done = "Lifted the ban of"
    explanation = "The user can sign in again."
    when = {"is_banned": True}
    sets = {"is_banned": False}
    undo = "ban"


class Deactivate(SignsOut):
    name = "deactivate"
    label = "Deactivate"
    done = "Deactivated"
    explanation = (
        "The user is signed out everywhere and cannot sign in again until the account is "
        "reactivated. Use it for inactive accounts. For misconduct, use a ban."
    )
    when = {"is_active": True}
    sets = {"is_active": False, "token_version": NEXT_VERSION}
    undo = "reactivate"


class Reactivate(AccountAction):
    name = "reactivate"
    label = "Reactivate"
    done = "Reactivated"
    explanation = "The user can sign in again."
    when = {"is_active": False}
    sets = {"is_active": True}
    undo = "deactivate"


class Verify(AccountAction):
    name = "verify"
    label = "Mark as verified"
    done = "Marked as verified:"
    explanation = "The e-mail address counts as verified, as if the user had followed the link."
    when = {"is_verified": False}
    sets = {"is_verified": True}
    watched = ("email",)
    undo = "unverify"


class Unverify(AccountAction):
    name = "unverify"
    label = "Mark as unverified"
    done = "Marked as unverified:"
    explanation = "The user must verify the e-mail address again."
    when = {"is_verified": True}
    sets = {"is_verified": False}
    watched = ("email",)
    undo = "verify"


class Unlock(AccountAction):
    name = "unlock"
    label = "Unlock"
    done = "Unlocked"
    explanation = (
        "The count of failed sign-ins starts again at 0, and the user can try again at once. "
        "This cannot be undone; “Suspend” locks the account again."
    )
    sets = {"locked_until": None, "failed_login_count": 0}
    # Without the count, which changes with every failed attempt.
    watched = ("locked_until",)

    def applies(self, row: User) -> bool:
        counted = row.locked_until is not None or row.failed_login_count > 0
        return counted and super().applies(row)


class Revoke(SignsOut):
    """Revokes all sessions and refresh tokens."""

    name = "revoke"
    label = "Sign out everywhere"
    done = "Signed out everywhere:"
    explanation = (
        "All sessions and refresh tokens are revoked, and access tokens stop working at once. "
        "The user can sign in again. This cannot be undone."
    )
    sets = {"token_version": NEXT_VERSION}
    watched = ("token_version",)


class Suspend(SignsOut):
    """A lock with an end, in the column that the services already use: `locked_until`.

    It sets the count of failed sign-ins to 0, which a lock after failed sign-ins does not.
    """

    name = "suspend"
    label = "Suspend"
    done = "Suspended"
    explanation = (
        "The user is signed out everywhere and cannot sign in until the end that you choose; then "
        "the account works again automatically. What the user published does not change."
    )
    watched = ("locked_until", "is_banned", "is_active")
    undo = "unlock"

    def applies(self, row: User) -> bool:
        return not row.is_banned and row.is_active and super().applies(row)

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        return {"days": forms.TypedChoiceField(label="For", choices=SUSPENSIONS, coerce=int)}

    def values(self, work: ChangeContext) -> Mapping[str, Any]:
        until = TransactionNow() + timedelta(days=work.values["days"])
        return {"locked_until": until, "failed_login_count": 0, "token_version": NEXT_VERSION}


class ChangeEmail(SignsOut):
    """A new address, for a user who lost the old mailbox and cannot change it alone."""

    name = "change_email"
    label = "Change the e-mail"
    done = "Changed the e-mail of"
    explanation = (
        "The new address counts as unverified, and the user is signed out everywhere. Links to "
        "verify an address or to choose a password that were sent before stop working."
    )
    watched = ("email",)
    undo = "change_email"
    in_lists = False

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        return {"email": forms.EmailField(label="New e-mail", max_length=255)}

    def values(self, work: ChangeContext) -> Mapping[str, Any]:
        email = work.values["email"].lower()
        return {"email": email, "is_verified": False, "token_version": NEXT_VERSION}

    def change(self, row: User, work: ChangeContext) -> Change:
        try:
            with transaction.atomic():
                own = super().change(row, work)
        except IntegrityError as error:
            # The database's own message would show the whole row.
            taken = isinstance(error.__cause__, UniqueViolation)
            raise ConflictError(
                "Another account has this e-mail." if taken
                else "The database refuses this e-mail: it must be ASCII, with a domain."
            ) from error  # fmt: skip
        for model in (EmailVerificationToken, PasswordResetToken):
            live = model._base_manager.filter(
                user_id=row.pk, used_at__isnull=True, expires_at__gt=TransactionNow()
            )
            live.update(used_at=TransactionNow())
        return own

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {"email": str(before.get("email", ""))}


class RestoreAccount(Restore):
    """Restores an account that its user or a service deleted, before the purge deletes it
    permanently.
    """

    explanation = (
        "The user can sign in again. What the apps deleted with the account stays deleted."
    )
    undo = ""
    rule = staticmethod(account_refusals)


ACCOUNT_ACTIONS: tuple[RowAction, ...] = (
    Ban(), Unban(), Deactivate(), Reactivate(), Verify(), Unverify(), Unlock(), Revoke(),
    Suspend(), ChangeEmail(), RestoreAccount("users"),
)  # fmt: skip
