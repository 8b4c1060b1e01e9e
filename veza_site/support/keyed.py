"""Secrets of the second factor that are not in the database, but made from it and SECRET_KEY.

Statements end in logs, and rows in backups: whoever has those, and not SECRET_KEY, has no second
factor. After a change of SECRET_KEY those in SECRET_KEY_FALLBACKS are good as well.
"""

import secrets
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_totp.models import TOTPDevice

#: Octets of an authenticator's secret (RFC 4226, 4) and of what the database has in its place.
SECRET, NONCE = 20, 16
#: Hexadecimal digits by which the SECRET_KEY is known that an authenticator was enrolled with.
MARK = 8


def new_authenticator_key() -> str:
    """What the database has of a new authenticator: a mark of SECRET_KEY, and random digits."""
    return _mark(settings.SECRET_KEY) + secrets.token_hex(NONCE)


def authenticator_secret(device: Any) -> bytes:
    """The secret that an authenticator shares with this site."""
    mark = device.key[:MARK]
    key = next((key for key in _secret_keys() if _mark(key) == mark), settings.SECRET_KEY)
    return _hmac("authenticator", device.key, key).digest()[:SECRET]


def derive_authenticator_secrets() -> None:
    """Have django-otp use `authenticator_secret`; it has no other way to be told."""
    TOTPDevice.bin_key = property(authenticator_secret)


def digest(user: Any, code: str) -> str:
    """What is stored of a recovery code of a user: 64 hexadecimal digits."""
    return _digest(user, code, settings.SECRET_KEY)


def stored_digest(user: Any, code: str, stored: list[str]) -> str:
    """Which of the stored digests is that of a code, compared in constant time; empty: none."""
    found = ""
    for key in _secret_keys():
        wanted = _digest(user, code, key)
        for each in stored:
            if compare_digest(each.encode(), wanted.encode()):
                found = each
    return found


def _digest(user: Any, code: str, key: str) -> str:
    return _hmac(f"recovery code of {user.pk}", code, key).hexdigest()


def _secret_keys() -> list[str]:
    return [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]


def _mark(key: str) -> str:
    return sha256(_hmac("mark", "", key).digest()).hexdigest()[:MARK]


def _hmac(purpose: str, value: str, key: str) -> Any:
    return salted_hmac(f"veza_site.{purpose}", value, secret=key, algorithm="sha256")
