"""The eight migrations of V1. Once released they are frozen."""

V1_MIGRATIONS = frozenset(
    {
        ("veza_core", "001_extensions_and_types"),
        ("veza_core", "010_auth_and_users"),
        ("veza_core", "020_rbac_and_profiles"),
        ("veza_streaming", "040_streaming_core"),
        ("veza_streaming", "041_streaming_analytics"),
        ("veza_media", "042_media_processing"),
        ("veza_legacy_chat", "050_legacy_chat"),
        ("veza_core", "900_triggers_and_functions"),
    }
)
