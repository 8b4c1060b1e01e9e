"""`addstatictoken`: the command of django-otp, which first prints where it writes."""

from django_otp.plugins.otp_static.management.commands.addstatictoken import (
    Command as DeviceCommand,
)

from veza_core.management.announced import AnnouncedMixin


class Command(AnnouncedMixin, DeviceCommand):
    """Adds a recovery code for a user."""
