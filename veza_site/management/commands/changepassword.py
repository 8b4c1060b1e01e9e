"""`changepassword`: Django's command, which first prints where it writes."""

from django.contrib.auth.management.commands.changepassword import Command as DjangoCommand

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DjangoCommand):
    """Sets the password of an account."""
