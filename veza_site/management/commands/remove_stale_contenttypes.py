"""`remove_stale_contenttypes`: Django's command, which first prints where it writes."""

from django.contrib.contenttypes.management.commands.remove_stale_contenttypes import (
    Command as DjangoCommand,
)

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Deletes the content types of models that no longer exist."""
