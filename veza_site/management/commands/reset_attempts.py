"""`reset_attempts`: ends the sign-in pauses of a person or a network."""

from ipaddress import ip_address
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from veza_core.authentication import LiveUserBackend
from veza_core.counted import counted
from veza_core.management.arguments import some_text
from veza_core.management.base import AnnouncingCommand
from veza_site.checks import secret_key
from veza_site.support.attempts import forget_names, forget_networks
from veza_site.support.log import record_command
from veza_site.support.networks import networks_of

NAME = "reset_attempts"


def address(text: str) -> str:
    """An IP address. Raises `ValueError`."""
    return str(ip_address(text))


class Command(AnnouncingCommand):
    """Ends pauses of the sign-in."""

    help = (
        "Deletes the counts of failed sign-ins for a name, or from an address; prints their number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", nargs="?", type=some_text, help="An e-mail or a username, as it is typed."
        )
        parser.add_argument(
            "--address", type=address, help="All attempts from the networks of this address."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete the counts. Raises `CommandError` in one line."""
        name, given = options["name"], options["address"]
        if not (name or given):
            raise CommandError("name an e-mail or a username, or --address")
        if name and not secret_key():
            raise CommandError(
                "SECRET_KEY is not set, but the hashes of the counted names depend on it: set "
                "the web server's key, or use --address"
            )
        self.announce(connection).check_writable()
        forgotten = 0
        if name:
            account = LiveUserBackend().find(name)
            # The account has its own counts, and a second name.
            more = (str(account.pk), account.username, account.email) if account else ()
            forgotten += forget_names(name, *more)
        forgotten += forget_networks(*networks_of(given))
        if forgotten:
            record_command(NAME, "sign_in.reset", None)
        noun = ("count of failed attempts was", "counts of failed attempts were")
        self.stdout.write(f"{counted(forgotten, *noun)} deleted")
