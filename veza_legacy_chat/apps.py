"""The app's configuration."""

from django.apps import AppConfig


class VezaLegacyChatConfig(AppConfig):
    """The app's name and label."""

    name = "veza_legacy_chat"
    verbose_name = "Legacy chat"
    #: For its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(990, 999)
    menu_groups = ("Legacy chat",)
    #: See `veza_core.screens.display.declared`.
    content = {"rooms": "creator"}
