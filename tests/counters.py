"""Counters by plain SQL: which are wrong, and how to correct all of them."""

from collections.abc import Callable
from typing import Any

#: The rows that each counter counts (docs/services.md, "Counters").
COUNTED = {
    ("tracks", "play_count"): "track_plays WHERE track_id = counted.id",
    ("tracks", "like_count"): "track_likes WHERE track_id = counted.id AND deleted_at IS NULL",
    ("tracks", "comment_count"): (
        "track_comments WHERE track_id = counted.id AND deleted_at IS NULL"
    ),
    ("playlists", "track_count"): (
        "playlist_tracks WHERE playlist_id = counted.id AND deleted_at IS NULL"
    ),
    ("playlists", "follower_count"): (
        "playlist_follows WHERE playlist_id = counted.id AND deleted_at IS NULL"
    ),
}


def set_right(execute: Callable[[str], Any]) -> None:
    for (table, column), rows in COUNTED.items():
        execute(f"UPDATE {table} AS counted SET {column} = (SELECT count(*) FROM {rows})")


def wrong(execute: Callable[[str], Any]) -> dict[str, int]:
    """How many rows have a wrong counter, by counter."""
    found = {}
    for (table, column), rows in COUNTED.items():
        statement = f"SELECT count(*) FROM {table} AS counted WHERE {column} <> "
        number = execute(f"{statement} (SELECT count(*) FROM {rows})").fetchone()[0]
        if number:
            found[f"{table}.{column}"] = number
    return found
