"""The actions on a session."""

from collections.abc import Sequence

from django.contrib.postgres.functions import TransactionNow
from django.utils import timezone

from veza_core.models import RefreshToken, UserSession
from veza_core.screens.actions.action import Change, ChangeContext, SetColumns
from veza_core.screens.actions.standing import owner_refusals


class RevokeSession(SetColumns):
    """Revokes a session and the refresh tokens that would keep it signed in."""

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
