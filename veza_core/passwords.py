"""Passwords as the Go API stores them: only bcrypt."""

from contextlib import suppress

from django.contrib.auth.hashers import BCryptPasswordHasher as DjangoBCryptPasswordHasher
from django.core.exceptions import ValidationError

MAX_PASSWORD_BYTES = 72

#: A hash with a higher cost is never correct. Each step doubles the time, so somebody who can write
#: rows could make an attempt take days (31).
HIGHEST_COST = 14


def is_too_long(password: str) -> bool:
    """Whether bcrypt would truncate the password: it uses 72 bytes (in UTF-8), not characters."""
    return len(password.encode()) > MAX_PASSWORD_BYTES


class BCryptPasswordHasher(DjangoBCryptPasswordHasher):
    """Django's bcrypt, which refuses what bcrypt would truncate, as Go's `bcrypt` package does."""

    def encode(self, password: str, salt: str) -> str:
        """Hash a password. Raises `ValueError` for one of more than 72 bytes."""
        if is_too_long(password):
            raise ValueError(f"a password has at most {MAX_PASSWORD_BYTES} bytes")
        return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password is correct; one of more than 72 bytes never is.

        A hash with a too high cost, or with a salt that bcrypt does not accept, never matches. It
        takes as long as any other.
        """
        if is_too_long(password):
            return False
        try:
            if int(self.decode(encoded)["work_factor"]) <= HIGHEST_COST:
                return super().verify(password, encoded)
        except ValueError:
            # The last character of a salt has two bits; a row may have one with more.
            pass
        self.encode(password, self.salt())
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Take as long as a new hash would (Django, `BasePasswordHasher.harden_runtime`)."""
        if is_too_long(password):
            return
        # For a salt that bcrypt does not accept, `verify` has taken that time.
        with suppress(ValueError):
            super().harden_runtime(password, encoded)


class MaximumBytesValidator:
    """For AUTH_PASSWORD_VALIDATORS: refuses a password that bcrypt would truncate."""

    def validate(self, password: str, user: object = None) -> None:
        """Raise `ValidationError` for a password of more than 72 bytes."""
        if is_too_long(password):
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return (
            f"Your password may have at most {MAX_PASSWORD_BYTES} bytes. Characters outside "
            "ASCII take more than one."
        )
