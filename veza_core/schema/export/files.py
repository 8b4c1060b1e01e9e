"""The files of `schema/`: what is in them, whether they are stale, and how they are written."""

import os
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from veza_core.schema.export import ExportError, render
from veza_core.schema.export.groups import FUNCTIONS, GROUPS, TYPES, ordered_tables
from veza_core.schema.export.snapshot import Snapshot, dump_snapshot

CATALOG = "catalog.json"

_WRITTEN_BY = "Written by `manage.py export_schema`"
_HEADER = """\
-- {name}: part {number} of {count} of schema public, for PostgreSQL 15 and newer.
--
-- {written_by} from a freshly migrated database. Do not edit it: change
-- the schema by a migration. Load the parts into an empty database in the order of their names:
{order}

SET client_encoding = 'UTF8';
"""


def render_files(snapshot: Snapshot, rows: dict[str, str]) -> dict[str, str]:
    """All generated files, by name: the SQL in the order of loading, then the catalog.

    `rows` are the INSERT statements by table. Raises `ExportError` for anything in the snapshot
    that the files would lose.
    """
    for section in ("sequences", "others"):
        if snapshot[section]:
            raise ExportError(f"export_schema cannot write {', '.join(snapshot[section])} yet")
    tables = ordered_tables(set(snapshot["tables"]))
    _check_references(snapshot, tables)
    files = {}
    for group in GROUPS:
        blocks = [_header(group), *_blocks(group, snapshot, rows)]
        files[f"{group}.sql"] = "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"
    return {**files, CATALOG: dump_snapshot(snapshot)}


def _header(group: str) -> str:
    names = [f"{name}.sql" for name in GROUPS]
    return _HEADER.format(
        name=f"{group}.sql",
        written_by=_WRITTEN_BY,
        number=list(GROUPS).index(group) + 1,
        count=len(names),
        order="\n".join(f"--   {name}" for name in names),
    )


def _blocks(group: str, snapshot: Snapshot, rows: dict[str, str]) -> Iterator[str]:
    """The statements of one file."""
    if group == TYPES:
        yield render.extensions(snapshot)
        for name, properties in snapshot["types"].items():
            yield render.enum(name, properties)
    for name in GROUPS[group]:
        yield f"-- === {name} ==="
        yield render.table(name, snapshot["tables"][name])
    inserted = [rows[name] for name in GROUPS[group] if name in rows]
    if inserted:
        yield "-- === reference rows ==="
        yield from inserted
    if group == FUNCTIONS:
        for name, properties in snapshot["functions"].items():
            yield render.function(name, properties)
        for names in GROUPS.values():
            for name in names:
                yield from render.triggers(name, snapshot["tables"][name])


def _check_references(snapshot: Snapshot, tables: list[str]) -> None:
    """Raise `ExportError` when a foreign key refers to a table that is created later."""
    for place, name in enumerate(tables):
        for constraint, about in snapshot["tables"][name].get("constraints", {}).items():
            for later in tables[place + 1 :]:
                if f" REFERENCES public.{later}(" in about["definition"]:
                    raise ExportError(
                        f"{constraint} refers to {later}, which comes after {name}: "
                        "change the order in veza_core/schema/export/groups.py"
                    )


def stale(directory: Path, files: dict[str, str]) -> dict[str, str]:
    """The unified diff from what is in `directory` to `files`, of each file that differs.

    A file that should not be there (`strays`) counts as one that ought to be empty.
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
    """Names in `directory` that look like ours and are not: `psql -f` of all would load them.

    Examples are written by hand, and say so by their names: `….example.sql`.
    """
    return sorted(
        path.name
        for path in directory.iterdir()
        if path.suffix in (".sql", ".json")
        and not path.stem.endswith(".example")
        and path.name not in files
    )


def write(directory: Path, files: dict[str, str]) -> list[str]:
    """Write those of `files` that differ into `directory`, and remove our own of another time.

    A file has a temporary name until it is whole. Returns the names written and removed.
    Raises `OSError`.
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
    """The text of a file as it is, line ends too; None when there is none."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
