"""An argument that is given and empty is an error: a variable of a script was not set."""

import pkgutil
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import BaseCommand

import veza_core.management.commands
import veza_site.management.commands
import veza_streaming.management.commands

# migrate looks at the database before it looks at some of its arguments.
pytestmark = pytest.mark.django_db

PACKAGES = [
    veza_core.management.commands,
    veza_site.management.commands,
    veza_streaming.management.commands,
]
#: Django gives these to all commands.
DJANGOS = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}


def arguments():
    """Every argument of every command of ours that takes a value."""
    for package in PACKAGES:
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
            app = package.__name__.split(".")[0]
            parser = load_command_class(app, module.name).create_parser("manage.py", module.name)
            for action in parser._actions:
                if action.nargs != 0 and action.dest not in DJANGOS:
                    yield pytest.param(
                        module.name, parser, action, id=f"{module.name} {action.dest}"
                    )


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize(("name", "parser", "action"), list(arguments()))
def test_it_is_refused(name, parser, action, empty):
    given = []
    for each in parser._actions:
        if each is action:
            given.append(f"{each.option_strings[0]}={empty}" if each.option_strings else empty)
        elif not each.option_strings and each.nargs != "?":
            given.append("something")
        elif not each.option_strings and action.dest == "migration_name":
            given.append("veza_core")
    with pytest.raises(CommandError):
        call_command(name, *given)
