"""The app's configuration."""

from django.apps import AppConfig


class VezaDemoConfig(AppConfig):
    """The app's name and label. It has no models: it knows tables by their names in SQL."""

    name = "veza_demo"
    verbose_name = "Demo data"
