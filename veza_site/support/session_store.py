"""Sessions in `django.django_session`, stored by a digest of their key.

The browser's cookie has the key. Statements appear in logs and in pg_stat_activity, and rows in
backups. A digest from there does not let anybody in. (The site runs under WSGI: Django's
asynchronous methods are not used.)
"""

from hashlib import sha256
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

#: As much of SHA-256 in hexadecimal as the column can store: 160 bits. A key has 165 random bits.
LENGTH = 40


class SessionStore(db.SessionStore):
    """Django's, with a digest as the key of the rows."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        key = self._session_key
        try:
            self._session_key = stored(key) if key else None
            session: AbstractBaseSession | None = super()._get_session_from_db()  # type: ignore[misc]
        finally:
            self._session_key = key
        if session is None:
            self._session_key = None
        return session

    def exists(self, session_key: str) -> bool:
        return super().exists(stored(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        session = super().create_model_instance(data)
        session.session_key = stored(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored(key))


def stored(key: str) -> str:
    """What the table stores for a session's key."""
    return sha256(key.encode()).hexdigest()[:LENGTH]
