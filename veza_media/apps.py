"""Django's handle on the app."""

from django.apps import AppConfig


class VezaMediaConfig(AppConfig):
    """The app's name and label."""

    name = "veza_media"
    verbose_name = "Media processing"
    #: Of its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(970, 990)
