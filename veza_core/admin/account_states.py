"""The states of an account, as badges."""

from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.models import User
from veza_core.screens.display import badge


def is_locked(user: User) -> bool:
    """Whether the user must wait before the next sign-in."""
    return user.locked_until is not None and user.locked_until > timezone.now()


def is_suspended(user: User) -> bool:
    """Whether staff locked the account: a lock after failed sign-ins has counted them."""
    return is_locked(user) and user.failed_login_count == 0


def account_states(user: User) -> list[SafeString]:
    """All that prevents a sign-in, or makes the account less trusted; otherwise "active"."""
    states = []
    if user.deleted_at is not None:
        states.append(badge("deleted"))
    if user.is_banned:
        states.append(badge("banned"))
    if not user.is_active:
        states.append(badge("deactivated"))
    if is_locked(user):
        states.append(badge("suspended" if is_suspended(user) else "locked"))
    if not states:
        states.append(badge("active"))
    if not user.is_verified:
        states.append(badge("unverified", tone="quiet"))
    return states
