"""The app's configuration."""

from django.apps import AppConfig


class VezaStreamingConfig(AppConfig):
    """The app's name and label."""

    name = "veza_streaming"
    verbose_name = "Streaming"
    #: For its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(940, 970)
    panels_first = {"users": ("tracks", "playlists", "track_plays")}
    menu_groups = ("Catalogue", "Playlists", "Listening")
    tones = {"ready": "good", "uploading": "busy", "processing": "busy", "failed": "bad"}
    content = dict.fromkeys(("tracks", "playlists", "track_shares", "track_comments"), "user")
    reasons = {
        "tracks.soft_delete": (
            "Copyright claim", "Uploaded by somebody else", "Spam", "Hate or threats",
            "Sexual content", "The owner asked for it",
        ),
    }  # fmt: skip
    seen_at = {"track_plays": ("user_id", "created_at")}
    units = {
        "bitrate": "kbit/s",
        "sample_rate": "Hz",
        "completion_rate": "%",
        "release_year": "year",
    }
