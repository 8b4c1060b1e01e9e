"""Where a backup was taken: a line at the end of its file, which pg_restore does not read."""

import json
from datetime import UTC, datetime
from pathlib import Path

from veza_core.db.session import Session
from veza_core.visible import visible

ORIGIN_PREFIX = b"\n-- backup_db: "
MAX_BYTES = 4096
ORIGIN_KEYS = {"taken", "database", "host", "port", "server_version", "role"}


def write_origin(path: Path, session: Session, schema_version: str | None) -> None:
    """Add to a complete archive where and when it was taken, and the version of the schema."""
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    origin = {"taken": taken, "schema_version": schema_version, **session.as_dict()}
    with path.open("ab") as file:
        file.write(ORIGIN_PREFIX + json.dumps(origin).encode() + b"\n")


def read_origin(path: Path) -> str | None:
    """One line about where the archive was taken; None if it does not say so.

    Raises `ValueError` if the line is cut short or damaged, and `OSError`.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MAX_BYTES))
        _, mark, text = file.read().rpartition(ORIGIN_PREFIX)
    if not mark:
        return None
    if not text.endswith(b"\n"):
        raise ValueError("it ends within its last line")
    origin = json.loads(text)
    if not isinstance(origin, dict) or not origin.keys() >= ORIGIN_KEYS:
        raise ValueError("its last line does not say where it was taken")
    version = origin.get("schema_version")
    return visible(
        f"taken at {origin['taken']} from {origin['database']} on {origin['host']}:"
        f"{origin['port']} (PostgreSQL {origin['server_version']}) as {origin['role']}"
        + (f", schema {version}" if version else "")
    )
