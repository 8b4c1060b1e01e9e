"""What can be done to an account."""

from collections.abc import Sequence

from django.contrib.postgres.functions import TransactionNow
from django.db.models import F, Value

from veza_core.models import RefreshToken, User, UserSession
from veza_core.screens.actions.action import Change, RowAction, SetColumns, Work
from veza_core.screens.actions.rights import account_refusals

#: Raising it voids every access token and session that was made before.
NEXT_VERSION = F("token_version") + Value(1)


class AccountAction(SetColumns):
    """On somebody else's live account, which may no more than who acts."""

    permissions: Sequence[str] = ("users.update",)
    rule = staticmethod(account_refusals)

    def applies(self, row: User) -> bool:
        return row.deleted_at is None and super().applies(row)


class SignsOut(AccountAction):
    """One that ends all sessions and refresh tokens of the account, and voids access tokens."""

    permissions = ("users.update", "user_sessions.update", "refresh_tokens.update")
    typed = "username"
    in_lists = True

    def change(self, row: User, work: Work) -> Change:
        own = super().change(row, work)
        return Change(own.before, {**own.after, **sign_out(row)})


def sign_out(user: User) -> dict[str, int]:
    """Revoke what still keeps a user signed in; how many rows of each table that were.

    What was revoked or has expired before stays as it is: it says when that was.
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
        "The user is signed out everywhere and cannot sign in again until the ban is lifted. "
        "What the user published stays as it is."
    )
    when = {"is_banned": False}
    sets = {"is_banned": True, "token_version": NEXT_VERSION}
    undo = "unban"


class Unban(AccountAction):
    name = "unban"
    in_lists = True
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
    in_lists = True
    label = "Reactivate"
    done = "Reactivated"
    explanation = "The user can sign in again."
    when = {"is_active": False}
    sets = {"is_active": True}
    undo = "deactivate"


class Verify(AccountAction):
    name = "verify"
    in_lists = True
    label = "Mark as verified"
    done = "Marked as verified:"
    explanation = "The e-mail address counts as verified, as if the user had followed the link."
    when = {"is_verified": False}
    sets = {"is_verified": True}
    watched = ("email",)
    undo = "unverify"


class Unverify(AccountAction):
    name = "unverify"
    in_lists = True
    label = "Mark as unverified"
    done = "Marked as unverified:"
    explanation = "The user has to verify the e-mail address again."
    when = {"is_verified": True}
    sets = {"is_verified": False}
    watched = ("email",)
    undo = "verify"


class Unlock(AccountAction):
    name = "unlock"
    in_lists = True
    label = "Unlock"
    done = "Unlocked"
    explanation = (
        "The count of failed sign-ins starts again at 0, and the user can try again at once. "
        "This cannot be undone: only failed sign-ins lock an account."
    )
    sets = {"locked_until": None, "failed_login_count": 0}
    # Not the count, which goes on while somebody tries.
    watched = ("locked_until",)

    def applies(self, row: User) -> bool:
        counted = row.locked_until is not None or row.failed_login_count > 0
        return counted and super().applies(row)


class Revoke(SignsOut):
    """Sessions and refresh tokens, all of them."""

    name = "revoke"
    label = "Sign out everywhere"
    done = "Signed out everywhere:"
    explanation = (
        "All sessions and refresh tokens are revoked, and access tokens are void at once. "
        "The user can sign in again. This cannot be undone."
    )
    sets = {"token_version": NEXT_VERSION}
    watched = ("token_version",)


ACCOUNT_ACTIONS: tuple[RowAction, ...] = (
    Ban(), Unban(), Deactivate(), Reactivate(), Verify(), Unverify(), Unlock(), Revoke(),
)  # fmt: skip
