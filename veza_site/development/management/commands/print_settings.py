"""`manage.py print_settings`: that of django-extensions, without secrets."""

from django_extensions.management.commands.print_settings import Command as ExtensionsCommand

from veza_site.development.masked import MaskedMixin


class Command(MaskedMixin, ExtensionsCommand):
    """Print the settings, secrets masked."""
