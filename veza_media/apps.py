"""The app's configuration."""

from django.apps import AppConfig


class VezaMediaConfig(AppConfig):
    """The app's name and label."""

    name = "veza_media"
    verbose_name = "Media processing"
    #: For its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(970, 990)
    menu_groups = ("Media processing",)
    #: See `veza_core.screens.display.declared`.
    panels_first = {"tracks": ("hls_transcode_queue", "hls_streams"),
                    "users": ("hls_transcode_queue",)}  # fmt: skip
    tones = {
        **dict.fromkeys(("ready", "completed"), "good"),
        **dict.fromkeys(("pending", "processing"), "busy"),
        "failed": "bad",
    }
    reasons = {
        "hls_transcode_queue.retry": ("The server failed", "The file was uploaded again",
                                      "The cause is fixed"),
        "hls_transcode_queue.cancel": ("The file is broken", "The track was deleted",
                                       "The owner asked for it"),
        "hls_transcode_queue.put_first": ("The user is waiting for it", "A release is due"),
        "hls_transcode_queue.priority": ("The user is waiting for it", "A release is due",
                                         "It can wait"),
    }  # fmt: skip
    units = {"bitrate": "kbit/s", "bitrates": "kbit/s", "bandwidth": "kbit/s"}
