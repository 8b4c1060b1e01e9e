"""Django's handle on the app."""

from django.apps import AppConfig


class VezaMediaConfig(AppConfig):
    """The app's name and label."""

    name = "veza_media"
    verbose_name = "Media processing"
