"""Which package may import which: the rules of docs/architecture.md, checked on the imports."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin

#: What each package may import of the others, directly or through a module in none of them.
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
    "veza_demo": {
        "veza_core.db",
        "veza_core.management",
        "veza_core.models",
        "veza_core.operations",
    },
}
#: Packages that may import all of these.
ABOVE = (
    *("veza_core.management", "veza_site"),
    *(app for app in settings.PUBLIC_SCHEMA_APPS if app != "veza_core"),
)
#: The longest name first, because a package may contain another.
LAYERS = sorted((*MAY, *ABOVE), key=len, reverse=True)


#: The packages of the project.
ROOTS = ("veza_core", *(layer for layer in ABOVE if "." not in layer), "veza_demo")


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (name_of(path), ast.parse(path.read_text()))
        for app in ROOTS
        for path in sorted((settings.BASE_DIR / app).rglob("*.py"))
    )


@cache
def targets_of_all() -> dict[str, set[str]]:
    """Each module, and what it imports."""
    return {name: set(imported(name, tree)) for name, tree in modules()}


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
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name(f"{'.' * node.level}{node.module or ''}", package_of(name))
            if source.startswith("veza_"):
                yield from (f"{source}.{alias.name}" for alias in node.names)


def package_of(name: str) -> str:
    """The package that a module's relative imports begin from."""
    is_package = (settings.BASE_DIR / name.replace(".", "/")).is_dir()
    return name if is_package else name.rpartition(".")[0]


def layer_of(name: str) -> str:
    return next((layer for layer in LAYERS if f"{name}.".startswith(f"{layer}.")), "veza_core")


def imports_between() -> set[tuple[str, str]]:
    return {
        (name, layer_of(target))
        for name, targets in targets_of_all().items()
        for target in targets
        if layer_of(target) != layer_of(name)
    }


def reached(name: str, targets: dict[str, set[str]]) -> set[str]:
    """The layers that a module imports, also through modules of `veza_core` that are in none."""
    layers, waiting, seen = set(), list(targets[name]), set()
    while waiting:
        # A target is a module, or something in it.
        target = waiting.pop()
        module = target if target in targets else target.rpartition(".")[0]
        if layer_of(module) != "veza_core":
            layers.add(layer_of(module))
        elif module not in seen:
            seen.add(module)
            waiting += targets.get(module, ())
    return layers


@pytest.mark.parametrize("layer", MAY)
def test_a_layer_imports_what_it_may(layer: str):
    targets = targets_of_all()
    found = {
        (name, other)
        for name in targets
        if layer_of(name) == layer
        for other in reached(name, targets) - {layer}
    }
    assert {(name, other) for name, other in found if other not in MAY[layer]} == set()


def test_no_two_layers_import_each_other():
    """Not through other layers either: each one can be read after those that it imports."""
    TopologicalSorter(MAY).prepare()


def test_no_two_modules_import_each_other():
    """Not through others either, and not within functions."""
    targets = targets_of_all()
    # A target is a module, or something in it.
    graph = {
        name: {one if one in targets else one.rpartition(".")[0] for one in found} - {name}
        for name, found in targets.items()
    }
    assert "veza_core.screens.labels" in graph["veza_core.screens.columns"]
    TopologicalSorter(graph).prepare()


def late_imports(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of imports within functions; each with the last line before it that is none."""
    lines = path.read_text().splitlines()
    found = {
        number
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for one in ast.walk(function)
        if isinstance(one, (ast.Import, ast.ImportFrom))
        for number in range(one.lineno, (one.end_lineno or 0) + 1)
    }
    for number in sorted(found):
        before = number - 1
        while before in found or not lines[before - 1].strip():
            before -= 1
        yield number, lines[before - 1].strip()


def test_an_import_within_a_function_has_its_reason():
    """It costs a start too much, or the settings are not there yet; never a cycle."""
    found = [
        (path.relative_to(settings.BASE_DIR), number, before)
        for app in ROOTS
        for path in sorted((settings.BASE_DIR / app).rglob("*.py"))
        for number, before in late_imports(path)
    ]
    assert found
    assert [one for one in found if not one[2].startswith("#")] == []


def test_the_core_imports_no_other_app():
    others = {*ROOTS} - {"veza_core"}
    assert {
        door for door in imports_between() if door[0].startswith("veza_core") and door[1] in others
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
        if layer_of(name).startswith("veza_core") and ".migrations." not in name
        for word in strings_and_names(tree)
        if word in names
    }
    assert found == set()


def test_what_screens_are_made_of_registers_none():
    for name, tree in modules():
        if layer_of(name) == "veza_core.screens":
            calls = {
                ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)
            }
            assert not {call for call in calls if call.endswith((".register", "register"))}, name


def test_every_table_has_its_screen():
    """So the test above is about something."""
    import_module(settings.ROOT_URLCONF)
    assert len(list(admin.site.screens())) >= 28
