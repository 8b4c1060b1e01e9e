"""Django's handle on the app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class VezaCoreConfig(AppConfig):
    """The app's name and label."""

    name = "veza_core"
    verbose_name = "Accounts"
    #: Of its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(901, 940)
    #: The headings of the menu that this app's screens stand under, in their order.
    menu_groups = ("Accounts", "Access")
    #: See `veza_core.screens.display.declared`.
    tones = {
        **dict.fromkeys(("active", "live"), "good"),
        "premium": "busy",
        **dict.fromkeys(("banned", "locked", "deactivated", "deleted"), "bad"),
        **dict.fromkeys(("support", "moderator", "admin", "super_admin"), "staff"),
    }
    units = {"_ms": "ms", "_size": "bytes"}

    def ready(self) -> None:
        """See to it that infinite times are read from every connection, and add the checks."""
        # Django's part about psycopg can be imported only once Django is set up.
        from . import checks  # noqa: F401 - it registers itself
        from .db.infinity import register

        connection_created.connect(register, dispatch_uid="veza_core.db.infinity")
