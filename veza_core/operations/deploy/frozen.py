"""Released files do not change: `schema/frozen.toml` has them, each with a hash.

An upgraded database and a new one must have the same schema. So both must run the same released
migrations, and load the same SQL from `schema/`. That SQL also changes if the code of an operation
changes that a migration uses.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from veza_core.db.schema_version import Version, declared_version
from veza_core.schema.v1 import Key

#: Paths within the project, and the SHA-256 of each file.
type Hashes = dict[str, str]

FROZEN = "schema/frozen.toml"
_HEAD = """\
# What the releases froze: migrations, and the SQL that they made. Written by `make release`.
# To change the schema, write a new migration: CONTRIBUTING.md, "A change of the schema".
"""


def read_frozen() -> dict[Version, Hashes]:
    """The files of each release; without the file, there is no release. Raises `ValueError`."""
    path = settings.BASE_DIR / FROZEN
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return {Version.parse(version): dict(hashes) for version, hashes in found.items()}
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def freeze(version: Version, loader: MigrationLoader) -> Hashes:
    """Record the files of a release that earlier releases do not have. Returns these, by path."""
    frozen = read_frozen()
    known = _paths(frozen)
    frozen[version] = {path: _hash(path) for path in _own(loader) if path not in known}
    text = _HEAD
    for release, hashes in sorted(frozen.items()):
        lines = "".join(f'"{path}" = "{digest}"\n' for path, digest in hashes.items())
        text += f'\n["{release}"]\n{lines}'
    (settings.BASE_DIR / FROZEN).write_text(text, "utf-8")
    return frozen[version]


def next_version() -> Version | None:
    """The version to declare for a migration after a release; None if it is declared already.

    A new table or column is a minor version. Raises `ValueError`.
    """
    last = max(read_frozen(), default=None)
    if last is None or declared_version() > last:
        return None
    return Version(last.major, last.minor + 1, 0, released=False)


def problems(loader: MigrationLoader) -> Iterator[str]:
    """What contradicts the releases, a line each, with the line to write. Raises `ValueError`."""
    frozen, declared = read_frozen(), declared_version()
    last = max(frozen, default=None)
    for version, hashes in frozen.items():
        for path, digest in hashes.items():
            yield from _edited(path, digest, version)
    known = _paths(frozen)
    new = [path for path, (app, _) in _own(loader).items() if path not in known and _is_ours(app)]
    if last is not None and declared <= last and (new or declared < last):
        after = f"{new[0]} comes after it" if new else f"{declared} comes before it"
        yield f"schema/VERSION: {last} is released, and {after}. Write {next_version()}."
    elif declared.released and declared not in frozen:
        yield f"schema/VERSION: {declared} is not released. Write {declared}-dev."


def _own(loader: MigrationLoader) -> dict[str, Key]:
    """The migrations of this project's apps, and the SQL files of those of `public`, by path."""
    found = {}
    for app, name in sorted(loader.disk_migrations):
        directory = app_directory(app)
        if directory.parent == settings.BASE_DIR:
            found[f"{directory.name}/migrations/{name}.py"] = (app, name)
            if _is_ours(app):
                found[f"schema/{name}.sql"] = (app, name)
    return found


def app_directory(app: str) -> Path:
    """The directory of an app."""
    return Path(apps.get_app_config(app).path)


def _is_ours(app: str) -> bool:
    return app in settings.PUBLIC_SCHEMA_APPS


def _paths(frozen: dict[Version, Hashes]) -> set[str]:
    return {path for hashes in frozen.values() for path in hashes}


def _edited(path: str, digest: str, version: Version) -> Iterator[str]:
    is_there = (settings.BASE_DIR / path).is_file()
    if not is_there or _hash(path) != digest:
        what = (
            f"it {'was changed' if is_there else 'is missing'}, and release {version} has frozen it"
        )
        yield (
            f"{path}: {what}. A database that has run a migration does not run it again, and would "
            f"differ from a new one. Put it back (git checkout v{version} -- {path}), and write a "
            "new migration."
        )


def _hash(path: str) -> str:
    # As text, because git may write different line ends on other systems.
    text = (settings.BASE_DIR / path).read_text("utf-8")
    return hashlib.sha256(text.encode()).hexdigest()
