"""`set_fake_emails`: the command of django-extensions, which says first where it writes."""

from django_extensions.management.commands.set_fake_emails import Command as ExtensionsCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, ExtensionsCommand):
    """Writes, on a machine for development."""
