"""Secrets of the second factor, computed from the database and SECRET_KEY.

Statements appear in logs, and rows in backups. Without SECRET_KEY, these give no second factor.
After a change of SECRET_KEY, secrets made with SECRET_KEY_FALLBACKS stay valid.
"""

import secrets
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_totp.models import TOTPDevice

#: Bytes of an authenticator's secret (RFC 4226, 4), and of what the database stores instead.
SECRET, NONCE = 20, 16
#: Hexadecimal digits that identify the SECRET_KEY of an authenticator's enrolment.
KEY_ID_LENGTH = 8


def new_authenticator_key() -> str:
    """What the database stores for a new authenticator: a mark of SECRET_KEY, and random digits."""
    return _mark(settings.SECRET_KEY) + secrets.token_hex(NONCE)


def authenticator_secret(device: Any) -> bytes:
    """The secret that an authenticator and this site share."""
    mark = device.key[:KEY_ID_LENGTH]
    key = next((key for key in _secret_keys() if _mark(key) == mark), settings.SECRET_KEY)
    return _hmac("authenticator", device.key, key).digest()[:SECRET]


def derive_authenticator_secrets() -> None:
    """Make django-otp use `authenticator_secret`; there is no other way."""
    TOTPDevice.bin_key = property(authenticator_secret)


def digest(user: Any, code: str) -> str:
    """What is stored for a recovery code of a user: 64 hexadecimal digits."""
    return _digest(user, code, settings.SECRET_KEY)


def stored_digest(user: Any, code: str, stored: list[str]) -> str:
    """The stored digest of a code, compared in constant time; empty if there is none."""
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
    return sha256(_hmac("mark", "", key).digest()).hexdigest()[:KEY_ID_LENGTH]


def _hmac(purpose: str, value: str, key: str) -> Any:
    return salted_hmac(f"veza_site.{purpose}", value, secret=key, algorithm="sha256")
