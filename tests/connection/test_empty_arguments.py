"""An argument that is given and empty is an error: a variable of a script was not set."""

import pkgutil
import re
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import BaseCommand

import veza_core.management.commands
import veza_demo.management.commands
import veza_site.development.management.commands
import veza_site.management.commands
import veza_streaming.management.commands

# migrate looks at the database before it looks at some of its arguments.
pytestmark = pytest.mark.django_db

PACKAGES = [
    veza_core.management.commands,
    veza_demo.management.commands,
    veza_site.development.management.commands,
    veza_site.management.commands,
    veza_streaming.management.commands,
]
#: Commands of django-extensions that hide secrets here, or are refused.
THEIRS = {"drop_test_database", "print_settings", "reset_schema", "sqldsn"}
#: What `migrate` says of an app or a migration that is blanks.
BLANK = "No installed app with label|has no migration that begins with"
#: Django gives these to all commands.
DJANGOS = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}


def arguments():
    """Every argument of every command of ours that takes a value."""
    for package in PACKAGES:
        for module in pkgutil.iter_modules(package.__path__):
            if module.name in THEIRS:
                continue
            import_module(f"{package.__name__}.{module.name}")
            app = package.__name__.removesuffix(".management.commands")
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
            given.append(next(iter(each.choices or ["something"])))
        elif not each.option_strings and action.dest == "migration_name":
            given.append("veza_core")
    # It is this argument that is refused, and no other.
    shown = "/".join(action.option_strings) or action.metavar or action.dest
    with pytest.raises(
        CommandError, match=f"argument {re.escape(shown)}: |is given but empty|{BLANK}"
    ):
        call_command(name, *given)
