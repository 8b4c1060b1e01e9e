"""The app's configuration."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class VezaCoreConfig(AppConfig):
    """The app's name and label."""

    name = "veza_core"
    verbose_name = "Accounts"
    #: Of its migrations after V1: see `veza_core.operations.deploy.autodetector`.
    migration_numbers = range(901, 940)
    #: The headings of the menu for this app's screens, in order.
    menu_groups = ("Accounts", "Access")
    #: See `veza_core.screens.display.declared`.
    tones = {
        **dict.fromkeys(("active", "live"), "good"),
        "premium": "busy",
        **dict.fromkeys(("banned", "suspended", "locked", "deactivated", "deleted"), "bad"),
        **dict.fromkeys(("support", "moderator", "admin", "super_admin"), "staff"),
    }
    seen_at = {"refresh_tokens": ("user_id", "expires_at")}
    units = {"_ms": "ms", "_size": "bytes"}
    reasons = {
        "users.ban": (
            "Spam", "Harassment", "Hate or threats", "Sexual content involving a minor",
            "Repeated copyright violations", "Impersonation", "Evasion of an earlier ban", "Fraud",
        ),
        "users.suspend": (
            "Spam", "Harassment", "Hate or threats", "Copyright violation", "Impersonation",
        ),
        "users.unban": ("Appeal granted", "Banned by mistake", "Wrong account"),
        "users.deactivate": ("Request of the user", "Inactive", "E-mails bounce"),
        "users.reactivate": ("Request of the user", "Deactivated by mistake"),
        "users.delete_content": ("Spam", "Copyright claims", "Hate or threats",
                                 "Request of the user"),
        "users.export_data": ("Request under data-protection law", "Request of an authority"),
        "users.restore_content": ("Deleted by mistake", "Appeal granted"),
        "users.verify": ("The user did not get our e-mail", "Verified by other means"),
        "users.unverify": ("The e-mail is not the user's", "E-mails bounce"),
        "users.unlock": ("Request of the user", "Locked by somebody else's attempts",
                         "Suspended by mistake"),
        "users.revoke": ("The account may be stolen", "A device was lost", "Request of the user"),
        "users.change_email": ("The old mailbox is lost", "Typing error in the e-mail"),
        "users.grant_role": ("New member of staff", "Replaces a colleague"),
        "users.withdraw_role": ("Left the team", "Does not need it any more"),
        "users.reset_second_factor": ("Lost phone", "New phone", "The device may be stolen"),
        "user_sessions.revoke": ("The account may be stolen", "A device was lost",
                                 "Request of the user"),
        # On any table.
        "soft_delete": ("Spam", "Harassment", "Hate or threats", "Sexual content",
                        "Private information about somebody", "Request of the owner"),
        "restore": ("Deleted by mistake", "Appeal granted", "Request of the owner"),
        "export": ("Request under data-protection law", "Request of an authority",
                   "Investigation of abuse", "Report"),
    }  # fmt: skip

    def ready(self) -> None:
        # Django's psycopg module can be imported only after Django's setup.
        from . import checks  # noqa: F401 - it registers itself
        from .db.infinity import register

        connection_created.connect(register, dispatch_uid="veza_core.db.infinity")
