"""Where a backup was taken: a line at the end of its file, which pg_restore does not read."""

import json
from datetime import UTC, datetime
from pathlib import Path

from veza_core.db.session import Session

MARK = b"\n-- backup_db: "
LONGEST = 4096
NAMES = {"taken", "database", "host", "port", "server_version", "role"}


def write_origin(path: Path, session: Session) -> None:
    """Add to a finished archive where it was taken, and when."""
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    with path.open("ab") as file:
        file.write(MARK + json.dumps({"taken": taken, **session.as_dict()}).encode() + b"\n")


def read_origin(path: Path) -> str | None:
    """One line on where the archive was taken; None for one that does not say it.

    Raises `ValueError` where the line is cut short or damaged, and `OSError`.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST))
        _, mark, text = file.read().rpartition(MARK)
    if not mark:
        return None
    if not text.endswith(b"\n"):
        raise ValueError("it ends within its last line")
    origin = json.loads(text)
    if not isinstance(origin, dict) or not origin.keys() >= NAMES:
        raise ValueError("its last line does not say where it was taken")
    return " ".join(
        f"taken at {origin['taken']} from {origin['database']} on {origin['host']}:"
        f"{origin['port']} (PostgreSQL {origin['server_version']}) as {origin['role']}".split()
    )
