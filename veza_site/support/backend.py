"""Who may sign in to the support admin, and how often somebody may try."""

import secrets
from typing import Any

from django.http import HttpRequest

from veza_core.access import access_of
from veza_core.authentication import LiveUserBackend
from veza_core.models import User
from veza_core.passwords import is_too_long
from veza_site.address import client_address
from veza_site.support import attempts, security_log
from veza_site.support.bounds import of_sign_in
from veza_site.support.devices import known_device, signed_in_before
from veza_site.support.hashing import admitted, hashing
from veza_site.support.networks import networks_of


class SupportBackend(LiveUserBackend):
    """Accepts live users with `admin.access`. All others get the answer for a wrong password."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user, or None.

        Raises `PausedError` after too many attempts, and `BusyError` if too many run at the same
        time. Both are the same whether the account exists or not.
        """
        if not username or password is None:
            return None
        if is_too_long(password):
            # No account has it, and bcrypt would truncate it. It is counted and logged like any
            # other.
            password = secrets.token_urlsafe()
        with admitted(is_known=signed_in_before(request)) as is_admitted:
            if not is_admitted:
                security_log.refused(request, "busy", username, None)
                raise attempts.BusyError
            return self._try(request, username, password)

    def _try(self, request: HttpRequest | None, username: str, password: str) -> User | None:
        address = client_address(request) if request else None
        user = self.find(username)
        device = known_device(request, user)
        account = str(user.pk) if user else None
        bounds = of_sign_in(username, networks_of(address), device, account)
        try:
            attempt = attempts.count(bounds)
            if attempt.silent:
                # It is answered like a wrong password, and costs the same.
                password = secrets.token_urlsafe()
            with attempt.unless_busy(), hashing(is_known=device is not None):
                found = self.check(user, password)
        except attempts.PausedError as paused:
            security_log.refused(request, f"paused_{paused.kind}", username, user)
            raise
        except attempts.BusyError:
            security_log.refused(request, "busy", username, user)
            raise
        if found is None:
            reason = f"paused_{attempt.silent}" if attempt.silent else _reason(user)
            security_log.refused(request, reason, username, user)
        else:
            attempt.take_back(succeeded=True)
        return found

    def may_sign_in(self, user: User) -> bool:
        """Whether the user may enter the support admin; reads the tables."""
        # Kept for the log. Otherwise the log would query again, and take longer if there is an
        # account.
        user.__dict__["may_enter"] = access_of(user).may_enter
        return user.__dict__["may_enter"] and super().may_sign_in(user)


def _reason(user: User | None) -> str:
    """Why the account could not have signed in with any password; otherwise, that it was wrong."""
    if user is None:
        return "unknown_name"
    if user.is_banned:
        return "banned"
    if not user.is_active:
        return "deactivated"
    if getattr(user, "is_locked", True):
        return "locked"
    if not user.has_usable_password():
        return "no_password"
    return "wrong_password" if user.__dict__["may_enter"] else "no_access"
