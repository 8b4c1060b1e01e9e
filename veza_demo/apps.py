"""The app's configuration."""

from django.apps import AppConfig


class VezaDemoConfig(AppConfig):
    """The app's name and label. It has no models: it uses the SQL names of tables."""

    name = "veza_demo"
    verbose_name = "Demo data"
