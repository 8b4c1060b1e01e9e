"""Django's handle on the app."""

from django.apps import AppConfig


class VezaCoreConfig(AppConfig):
    """The app's name and label."""

    name = "veza_core"
    verbose_name = "Accounts"
