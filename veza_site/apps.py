"""App configurations: this project's own app, and Django's admin with our site."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out


class VezaSiteConfig(AppConfig):
    """The staff log and the notes. Their tables are in schema `django`, outside of the contract."""

    # Set explicitly, because this module has more than one configuration.
    default = True
    name = "veza_site"
    verbose_name = "Support"
    menu_groups = ("Support",)

    def ready(self) -> None:
        """Record every sign-in and sign-out, derive secrets from keys, and add the deployment
        checks.
        """
        # These need models, which Django loads before it calls this.
        from veza_site import checks  # noqa: F401 - it registers itself
        from veza_site.support.keyed import derive_authenticator_secrets
        from veza_site.support.sessions import begin, end

        derive_authenticator_secrets()
        user_logged_in.connect(begin, dispatch_uid="veza_site.support.sessions.begin")
        user_logged_out.connect(end, dispatch_uid="veza_site.support.sessions.end")


class SupportAdminConfig(SimpleAdminConfig):
    """Django's admin with our site, and without autodiscovery: see `veza_site.urls`."""

    default_site = "veza_site.support.site.SupportSite"
