"""The eight files, and which tables are in which, in an order in which they can be created."""

from veza_core.schema.export import ExportError

TYPES = "001_extensions_and_types"
FUNCTIONS = "900_triggers_and_functions"

#: The files are named as the migrations are, and applied in this order.
GROUPS: dict[str, tuple[str, ...]] = {
    TYPES: (),
    "010_auth_and_users": (
        "users",
        "federated_identities",
        "user_sessions",
        "refresh_tokens",
        "password_reset_tokens",
        "email_verification_tokens",
    ),
    "020_rbac_and_profiles": (
        "roles",
        "permissions",
        "user_roles",
        "role_permissions",
        "user_profiles",
        "user_settings",
    ),
    "040_streaming_core": (
        "tracks",
        "track_versions",
        "playlists",
        "playlist_tracks",
        "playlist_collaborators",
        "playlist_follows",
    ),
    "041_streaming_analytics": (
        "track_plays",
        "track_likes",
        "track_shares",
        "track_comments",
        "track_history",
        "playback_analytics",
    ),
    "042_media_processing": (
        "hls_streams",
        "hls_transcode_queue",
        "bitrate_adaptation_logs",
    ),
    "050_legacy_chat": ("rooms",),
    FUNCTIONS: (),
}


def ordered_tables(tables: set[str]) -> list[str]:
    """`tables` in the order of the files.

    Raises `ExportError` when a table is in no file, or a file wants one that is not there.
    """
    order = [table for group in GROUPS.values() for table in group]
    if unknown := sorted(tables - set(order)):
        raise ExportError(
            f"no file of schema/ holds {', '.join(unknown)}: "
            "name the file in veza_core/schema/export/groups.py"
        )
    if missing := sorted(set(order) - tables):
        raise ExportError(
            f"the migrations do not make {', '.join(missing)}, "
            "which veza_core/schema/export/groups.py names"
        )
    return order
