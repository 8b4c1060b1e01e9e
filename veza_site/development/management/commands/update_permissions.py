"""`update_permissions`: the command of django-extensions, which first prints where it writes."""

from django_extensions.management.commands.update_permissions import Command as ExtensionsCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, ExtensionsCommand):
    """Writes on a development machine."""
