"""What can be done to a session."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.functions import TransactionNow

from veza_core.access import Access
from veza_core.models import RefreshToken, User, UserSession
from veza_core.screens.actions.action import Change, SetColumns, Work
from veza_core.screens.actions.rights import account_refusals


def session_refusals(access: Access, rows: Sequence[UserSession]) -> Mapping[Any, str]:
    """Of these sessions, key to why: those of accounts on which one may not act."""
    owners = User._base_manager.only("username").filter(pk__in={row.user_id for row in rows})
    refused = account_refusals(access, list(owners))
    return {row.pk: refused[row.user_id] for row in rows if row.user_id in refused}


class RevokeSession(SetColumns):
    """A session and the refresh tokens that would keep it signed in."""

    name = "revoke"
    label = "Revoke"
    done = "Revoked"
    explanation = (
        "The session is revoked together with its refresh tokens: the device is signed out once "
        "its access token ends. Other devices stay signed in. This cannot be undone."
    )
    permissions: Sequence[str] = ("user_sessions.update", "refresh_tokens.update")
    when = {"revoked_at": None}
    sets = {"revoked_at": TransactionNow()}
    in_lists = True
    rule = staticmethod(session_refusals)

    def is_drastic(self, rows: int) -> bool:
        return super().is_drastic(rows) or rows > 1

    def change(self, row: UserSession, work: Work) -> Change:
        session = super().change(row, work)
        tokens = RefreshToken.objects.filter(session_id=row.pk, revoked_at__isnull=True)
        revoked = tokens.update(revoked_at=TransactionNow())
        return Change(session.before, {**session.after, "refresh_tokens_revoked": revoked})
