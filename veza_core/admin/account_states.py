"""The states of an account, as badges."""

from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.models import User
from veza_core.screens.display import badge


def account_states(user: User) -> list[SafeString]:
    """All that prevents a sign-in, or makes the account less trusted; otherwise "active"."""
    states = []
    if user.deleted_at is not None:
        states.append(badge("deleted"))
    if user.is_banned:
        states.append(badge("banned"))
    if not user.is_active:
        states.append(badge("deactivated"))
    if user.locked_until is not None and user.locked_until > timezone.now():
        states.append(badge("locked"))
    if not states:
        states.append(badge("active"))
    if not user.is_verified:
        states.append(badge("unverified", tone="quiet"))
    return states
