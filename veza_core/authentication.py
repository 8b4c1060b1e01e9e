"""Who may sign in to this project's own pages."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from veza_core.models import User
from veza_core.passwords import is_too_long


class LiveUserBackend(BaseBackend):
    """Signs in live, active, not banned, not locked users by e-mail or username."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user, or None. Takes as long for an unknown user as for a wrong password."""
        if not username or password is None or is_too_long(password):
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            User().set_password(password)
            return None
        if user.check_password(password) and self.may_sign_in(user):
            return user
        return None

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session that goes on, or None when they may no longer sign in."""
        user = User.objects.filter(pk=user_id).first()
        return user if user and self.may_sign_in(user) else None

    @staticmethod
    def may_sign_in(user: User) -> bool:
        """Whether the account is live, active, and neither banned nor locked."""
        locked = user.locked_until is not None and user.locked_until > timezone.now()
        return bool(
            user.is_active and not user.is_banned and not locked and user.deleted_at is None
        )
