"""Signs in live users with a password, by e-mail or username."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import identify_hasher, verify_password
from django.http import HttpRequest

from veza_core.models import User
from veza_core.passwords import is_too_long


class LiveUserBackend(BaseBackend):
    """Signs in users that are live, active, and neither banned nor locked, by e-mail or username.

    Every refusal runs the same queries and the same amount of bcrypt, whether the name is unknown,
    the password is wrong, or the user may not sign in.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        if not username or password is None or is_too_long(password):
            return None
        return self.check(self.find(username), password)

    def find(self, username: str) -> User | None:
        """Return the live user with that e-mail or username, with `is_locked`."""
        try:
            return User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            return None

    def check(self, user: User | None, password: str) -> User | None:
        """Return the user if the password is correct and the user may sign in; otherwise None."""
        if user is None:
            self.may_sign_in(User())
            User().set_password(password)
            return None
        allowed = self.may_sign_in(user)
        hash_ = user.password or ""
        correct, outdated = verify_password(password, hash_)
        if not correct:
            return None
        if not allowed:
            # For a cheaper hash, a wrong password takes as long as with ours: so must this.
            identify_hasher(hash_).harden_runtime(password, hash_)
            return None
        if outdated:
            user.set_password(password)
            user.save(update_fields=["password"])
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session, or None if the session must end.

        A lock does not end it. Services lock an account after failed sign-ins, so any stranger
        could end the owner's session. The user has no password hash, which only `authenticate`
        reads.
        """
        user = User.objects.defer("password").filter(pk=user_id).first()
        return user if user and _is_live(user) else None

    def may_sign_in(self, user: User) -> bool:
        """Whether the account is live, active, and neither banned nor locked."""
        # Only `find` reads it.
        return _is_live(user) and not getattr(user, "is_locked", True)


def _is_live(user: User) -> bool:
    return bool(user.is_active and not user.is_banned and user.deleted_at is None)
