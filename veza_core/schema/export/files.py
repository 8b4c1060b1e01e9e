"""The files of `schema/`: their contents, whether they are stale, and how they are written."""

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

from veza_core.db.schema_version import comment_of
from veza_core.schema.export import ExportError, render
from veza_core.schema.export.additions import changes
from veza_core.schema.export.groups import MigrationGroup
from veza_core.schema.export.rows import ReferenceRows, added_rows, render_rows
from veza_core.schema.quoting import literal
from veza_core.schema.snapshot import Snapshot

CATALOG = "catalog.json"
#: The last file has the version, so that a new version changes no file of a migration.
VERSION = "999_version.sql"

_WRITTEN_BY = "Written by `manage.py export_schema`"
_HEADER = """\
-- {name}: part {number} of {count} of schema public, for PostgreSQL 15 and newer.
--
-- {written_by} from a freshly migrated database. Do not edit it: change
-- the schema by a migration. Load the parts into an empty database in the order of their names:
{order}

SET client_encoding = 'UTF8';
"""
_LATER_HEADER = """\
-- {name}: what migration {app}.{migration} changes.
--
-- {written_by}. Do not edit it: change the schema by a new migration.
-- Load it after all the files whose names come before its own.

SET client_encoding = 'UTF8';
"""
_VERSION = """\
-- {name}: the version of the schema, on schema public.
--
-- {written_by} from schema/VERSION. Do not edit it.
-- Load it after all the files whose names come before its own.

COMMENT ON SCHEMA public IS {comment};
"""


def render_version(snapshot: Snapshot) -> str:
    """The file with the version."""
    comment = literal(comment_of(snapshot["schemas"]["public"]["version"]))
    return _VERSION.format(name=VERSION, written_by=_WRITTEN_BY, comment=comment)


def render_files(
    groups: Sequence[MigrationGroup], snapshot: Snapshot, rows: Mapping[str, ReferenceRows]
) -> dict[str, str]:
    """The files of V1, by name, in the order of loading.

    The first one has types, the last one functions and triggers. `rows` are the reference rows by
    table. Raises `ExportError` for anything in the snapshot that the files would lose.
    """
    check_writable(snapshot)
    tables = _ordered_tables(groups, set(snapshot["tables"]))
    _check_references(snapshot, tables)
    files = {}
    for group in groups:
        blocks = [_header(group, groups), *_blocks(group, groups, snapshot, rows)]
        files[f"{group.name}.sql"] = _joined(blocks)
    return files


def render_later(
    group: MigrationGroup,
    before: Snapshot,
    after: Snapshot,
    rows_before: Mapping[str, ReferenceRows],
    rows_after: Mapping[str, ReferenceRows],
) -> str:
    """The file of a later migration, with what it changed. Raises `ExportError`."""
    check_writable(after)
    header = _LATER_HEADER.format(
        name=f"{group.name}.sql", app=group.app, migration=group.name, written_by=_WRITTEN_BY
    )
    blocks = [header, *changes(before, after, group.tables)]
    if added := added_rows(rows_before, rows_after):
        blocks.append("-- === reference rows ===")
        blocks += render_rows(added, after["tables"]).values()
    return _joined(blocks)


def check_writable(snapshot: Snapshot) -> None:
    """Raise `ExportError` for kinds of objects that no file can contain."""
    for section in ("sequences", "others"):
        if snapshot[section]:
            raise ExportError(f"export_schema cannot write {', '.join(snapshot[section])} yet")


def _joined(blocks: Sequence[str]) -> str:
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _header(group: MigrationGroup, groups: Sequence[MigrationGroup]) -> str:
    names = [f"{each.name}.sql" for each in groups]
    return _HEADER.format(
        name=f"{group.name}.sql",
        written_by=_WRITTEN_BY,
        number=groups.index(group) + 1,
        count=len(names),
        order="\n".join(f"--   {name}" for name in names),
    )


def _blocks(
    group: MigrationGroup,
    groups: Sequence[MigrationGroup],
    snapshot: Snapshot,
    rows: Mapping[str, ReferenceRows],
) -> Iterator[str]:
    """The statements of one file."""
    if group == groups[0]:
        yield render.empty_only(snapshot)
        yield render.extensions(snapshot)
        for name, properties in snapshot["types"].items():
            yield render.enum(name, properties)
    for name in group.tables:
        yield f"-- === {name} ==="
        yield render.table(name, snapshot["tables"][name])
    rendered = render_rows(rows, snapshot["tables"])
    inserted = [rendered[name] for name in group.tables if name in rendered]
    if inserted:
        yield "-- === reference rows ==="
        yield from inserted
    if group == groups[-1]:
        for name, properties in snapshot["functions"].items():
            yield render.function(name, properties)
        for each in groups:
            for name in each.tables:
                yield from render.triggers(name, snapshot["tables"][name])


def _ordered_tables(groups: Sequence[MigrationGroup], tables: set[str]) -> list[str]:
    """`tables` in the order of the files.

    Raises `ExportError` if no file has a table, or if a file has a table that does not exist.
    """
    order = [table for group in groups for table in group.tables]
    if unknown := sorted(tables - set(order)):
        raise ExportError(f"no migration of V1 has a CreateModel for {', '.join(unknown)}")
    if missing := sorted(set(order) - tables):
        raise ExportError(f"the migrations of V1 do not leave {', '.join(missing)} in public")
    return order


def _check_references(snapshot: Snapshot, tables: list[str]) -> None:
    """Raise `ExportError` if a foreign key refers to a table that is created later."""
    for place, name in enumerate(tables):
        for constraint, about in snapshot["tables"][name].get("constraints", {}).items():
            for later in tables[place + 1 :]:
                if f" REFERENCES public.{later}(" in about["definition"]:
                    raise ExportError(
                        f"{constraint} refers to {later}, which comes after {name}: "
                        "change the order of their CreateModel operations"
                    )


def stale(directory: Path, files: dict[str, str]) -> dict[str, str]:
    """The unified diff from `directory` to `files`, for each file that differs.

    A file that should not exist (`strays`) is compared with an empty one.
    """
    diffs = {}
    for name in [*files, *strays(directory, files)]:
        path = directory / name
        was, now = _read(path), files.get(name)
        if was != now:
            lines = unified_diff(
                (was or "").splitlines(keepends=True),
                (now or "").splitlines(keepends=True),
                os.devnull if was is None else str(path),
                os.devnull if now is None else f"{path} (from the migrations)",
            )
            diffs[name] = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return diffs


def strays(directory: Path, files: dict[str, str]) -> list[str]:
    """Files in `directory` that are not in `files`, but that a person would load with them.

    Examples do not count. People write them, and their names end in `.example.sql`.
    """
    return sorted(
        path.name
        for path in directory.iterdir()
        if path.suffix in (".sql", ".json")
        and not path.stem.endswith(".example")
        and path.name not in files
    )


def write(directory: Path, files: dict[str, str]) -> list[str]:
    """Write the files that differ to `directory`, and remove old ones that export_schema wrote.

    A file has a temporary name until it is complete. Returns the names written and removed. Raises
    `OSError`.
    """
    directory.mkdir(exist_ok=True)
    changed = [name for name, text in files.items() if _read(directory / name) != text]
    for name in changed:
        temporary = directory / f".{name}.{os.getpid()}"
        try:
            temporary.write_text(files[name], encoding="utf-8", newline="\n")
            temporary.replace(directory / name)
        finally:
            temporary.unlink(missing_ok=True)
    for name in strays(directory, files):
        if _WRITTEN_BY in (_read(directory / name) or ""):
            (directory / name).unlink()
            changed.append(name)
    return changed


def _read(path: Path) -> str | None:
    """The exact text of a file, with its line ends; None if there is none."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
