"""Which package may import which: the rules of docs/architecture.md, checked on the imports."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin

#: What each room may import of the others, directly or by a module that stands in no room.
MAY: dict[str, set[str]] = {
    "veza_core.db": set(),
    "veza_core.models": {"veza_core.db"},
    "veza_core.schema": {"veza_core.db"},
    "veza_core.schema.snapshot": {"veza_core.db", "veza_core.schema"},
    "veza_core.schema.audit": {"veza_core.db", "veza_core.schema", "veza_core.schema.snapshot"},
    "veza_core.schema.export": {"veza_core.db", "veza_core.schema", "veza_core.schema.snapshot"},
    "veza_core.schema.diff": {
        "veza_core.db",
        "veza_core.schema.audit",
        "veza_core.schema.export",
        "veza_core.schema.snapshot",
    },
    "veza_core.operations": {
        "veza_core.db",
        "veza_core.models",
        "veza_core.schema",
        "veza_core.schema.audit",
        "veza_core.schema.snapshot",
    },
    "veza_core.screens": {"veza_core.db", "veza_core.models"},
    "veza_core.admin": {
        "veza_core.db",
        "veza_core.models",
        "veza_core.operations",
        "veza_core.screens",
    },
    "veza_demo": {"veza_core.db", "veza_core.models", "veza_core.operations"},
}
#: Rooms that stand above all of these.
ABOVE = ("veza_core.management", "veza_site", "veza_streaming", "veza_media", "veza_legacy_chat")
#: The longest name first: a room may stand in another.
ROOMS = sorted((*MAY, *ABOVE), key=len, reverse=True)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in (
        "veza_core",
        "veza_site",
        "veza_streaming",
        "veza_media",
        "veza_legacy_chat",
        "veza_demo",
    ):
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            yield name_of(path), ast.parse(path.read_text())


def name_of(path: Path) -> str:
    name = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Our modules that a module imports, also within functions, but not only for types."""
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("veza_"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("veza_"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    return next((room for room in ROOMS if f"{name}.".startswith(f"{room}.")), "veza_core")


def doors() -> set[tuple[str, str]]:
    return {
        (name, room_of(target))
        for name, tree in modules()
        for target in imported(name, tree)
        if room_of(target) != room_of(name)
    }


def reached(name: str, targets: dict[str, set[str]]) -> set[str]:
    """The rooms that a module imports, also through modules of `veza_core` in no room."""
    rooms, waiting, seen = set(), list(targets[name]), set()
    while waiting:
        # A target is a module, or something in it.
        target = waiting.pop()
        module = target if target in targets else target.rpartition(".")[0]
        if room_of(module) != "veza_core":
            rooms.add(room_of(module))
        elif module not in seen:
            seen.add(module)
            waiting += targets.get(module, ())
    return rooms


@pytest.mark.parametrize("room", MAY)
def test_a_room_imports_what_it_may(room: str):
    targets = {name: set(imported(name, tree)) for name, tree in modules()}
    found = {
        (name, other)
        for name in targets
        if room_of(name) == room
        for other in reached(name, targets) - {room}
    }
    assert {(name, other) for name, other in found if other not in MAY[room]} == set()


def test_no_two_rooms_import_each_other():
    """Not through others either: each room can be read after those that it imports."""
    TopologicalSorter(MAY).prepare()


def test_no_two_modules_of_the_site_import_each_other():
    """Its settings and middleware are beside its rooms, and none imports one above it."""
    targets = {
        name: set(imported(name, tree)) for name, tree in modules() if name.startswith("veza_site")
    }
    # A target is a module, or something in it.
    graph = {
        name: {one if one in targets else one.rpartition(".")[0] for one in found} - {name}
        for name, found in targets.items()
    }
    TopologicalSorter(graph).prepare()


def test_the_core_imports_no_other_app():
    others = {"veza_site", "veza_streaming", "veza_media", "veza_legacy_chat", "veza_demo"}
    assert {
        door for door in doors() if door[0].startswith("veza_core") and door[1] in others
    } == set()


def names_of_other_apps() -> set[str]:
    """Tables and models that are not `veza_core`'s own."""
    core, others = set(), set()
    for model in apps.get_models():
        label = model._meta.app_label
        if label in settings.PUBLIC_SCHEMA_APPS:
            names = core if label == "veza_core" else others
            names |= {model._meta.db_table, model.__name__}
    return others - core


def strings_and_names(tree: ast.Module) -> Iterator[str]:
    """Without docstrings, and without the examples and reasons of the audit's rules."""
    left_out = set()
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node):
            left_out.add(id(node.body[0].value))
        if isinstance(node, ast.keyword) and node.arg in ("bad", "good", "example", "reason"):
            left_out |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in left_out:
                yield from re.findall(r"\w+", node.value)
        elif isinstance(node, ast.Name):
            yield node.id


def test_the_core_knows_no_table_of_another_app():
    """Not by its name in SQL either. V1's migrations have the permissions and the triggers."""
    names = names_of_other_apps()
    assert {"tracks", "hls_streams", "rooms", "Playlist"} <= names
    found = {
        (name, word)
        for name, tree in modules()
        if room_of(name).startswith("veza_core") and ".migrations." not in name
        for word in strings_and_names(tree)
        if word in names
    }
    assert found == set()


def test_what_screens_are_made_of_registers_none():
    for name, tree in modules():
        if room_of(name) == "veza_core.screens":
            calls = {
                ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)
            }
            assert not {call for call in calls if call.endswith((".register", "register"))}, name


def test_every_table_has_its_screen():
    """So the test above is about something."""
    import_module(settings.ROOT_URLCONF)
    assert len(list(admin.site.screens())) >= 28
