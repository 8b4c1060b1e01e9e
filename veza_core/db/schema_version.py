"""The version of the schema: a line of the comment on schema `public`, and `schema/VERSION`.

Any role that can connect can read a comment, without a grant (PostgreSQL, "COMMENT"). `migrate`
writes it in the same transaction as the last migration of a release. So a database never reports a
version that is incomplete. Other lines of the comment belong to others, and stay.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_value

#: PostgreSQL's own comment on `public`.
_OF_INITDB = "standard public schema"
_LINE = re.compile(r"Veza schema \d\S*")

_COMMENT_OF_PUBLIC = "obj_description(to_regnamespace('public')::oid, 'pg_namespace')"
#: An SQL expression: the version, or NULL.
VERSION = f"substring({_COMMENT_OF_PUBLIC}, 'Veza schema (\\d\\S*)')"
_NUMBERS = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-dev)?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version; `1.1.0-dev` comes before 1.1.0, and means that 1.1.0 is not released."""

    major: int
    minor: int
    patch: int
    released: bool = True

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read `1.1.0` or `1.1.0-dev`. Raises `ValueError`."""
        if not (found := _NUMBERS.fullmatch(text)):
            raise ValueError(f"{text!r} is not a version: write it as 1.1.0, or 1.1.0-dev")
        return cls(int(found[1]), int(found[2]), int(found[3]), released=found[4] is None)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{'' if self.released else '-dev'}"


def version_file() -> Path:
    """The file with the version of this release's schema."""
    return Path(settings.BASE_DIR) / "schema" / "VERSION"


def declared_version() -> Version:
    """The version of this release's schema. Raises `ImproperlyConfigured`."""
    path = version_file()
    try:
        return Version.parse(path.read_text("utf-8").strip())
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{path}: {error}") from error


def version_in(text: str) -> Version | None:
    """The version in a comment, or in a COMMENT statement."""
    found = re.search(f"Veza schema ({_NUMBERS.pattern})", text)
    return Version.parse(found[1]) if found else None


def comment_of(version: Version | str) -> str:
    """The line with the version."""
    return f"Veza schema {version}"


def read_version(connection: BaseDatabaseWrapper) -> str | None:
    """The version of a database; None if it has none."""
    version: str | None = fetch_value(connection, f"SELECT {VERSION}")
    return version


def write_version(connection: BaseDatabaseWrapper, version: Version | None) -> None:
    """Write the version into the comment on `public`, or remove it; other lines stay.

    Does nothing if it is there already. Raises `DatabaseError` if the role does not own the schema.
    """
    comment = fetch_value(connection, f"SELECT {_COMMENT_OF_PUBLIC}") or ""
    lines = [line for line in comment.splitlines() if not _LINE.fullmatch(line)]
    if version is not None:
        lines = [*filter(lambda line: line != _OF_INITDB, lines), comment_of(version)]
    if (wanted := "\n".join(lines)) != comment:
        # NULL removes a comment.
        text = sql.Literal(wanted or None)
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("COMMENT ON SCHEMA public IS {}").format(text))
