"""docs/actions.md lists exactly the actions that exist."""

from importlib import import_module

from django.conf import settings
from django.contrib import admin

from tests.support import ROOT

import_module(settings.ROOT_URLCONF)


def described() -> list[str]:
    lines = []
    for site_admin in admin.site._registry.values():
        labels = {action.name: action.label for action in site_admin.row_actions}
        for action in site_admin.row_actions:
            cells = [
                site_admin.opts.db_table,
                action.label,
                ", ".join(f"`{permission}`" for permission in action.permissions),
                action.typed or "–",
                "yes" if action.is_drastic(1) else "of several" if action.is_drastic(2) else "–",
                "yes" if action.in_lists else "–",
                labels.get(action.undo, "–"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


ELSE = "any other table with `deleted_at` and actions"


def of(table: str, lines: list[str]) -> list[str]:
    """The lines of one table, without its name."""
    return sorted(line.replace(f"{table}.", "<table>.").removeprefix(f"| {table} ")
                  for line in lines if line.startswith(f"| {table} "))  # fmt: skip


def test_the_table_has_every_action_and_no_other():
    text = (ROOT / "docs" / "actions.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| ")]
    named = {line.split(" | ")[0].removeprefix("| ") for line in table[1:]} - {ELSE}
    actual = described()
    for name in {line.split(" | ")[0].removeprefix("| ") for line in actual} | named:
        if name in named:
            assert of(name, actual) == of(name, table[1:]), name
        else:
            assert {*of(name, actual)} <= {*of(ELSE, table[1:])}, name
