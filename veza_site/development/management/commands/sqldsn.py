"""`manage.py sqldsn`: that of django-extensions, without secrets."""

from django_extensions.management.commands.sqldsn import Command as ExtensionsCommand

from veza_site.development.masked import MaskedMixin


class Command(MaskedMixin, ExtensionsCommand):
    """Print how to reach the databases, secrets masked."""
