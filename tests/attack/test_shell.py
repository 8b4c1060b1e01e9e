"""No program is started through a shell, which could run names and passwords as commands."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

#: Functions that run a line in a shell, by their last names.
SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}


def shells(file: Path) -> Iterator[str]:
    """Calls of a shell in a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in SHELLS or any(keyword.arg == "shell" for keyword in node.keywords):
            yield f"{file}:{node.lineno}"


def test_no_shell(tmp_path: Path) -> None:
    files = [file for app in ROOT.glob("veza_*") for file in app.rglob("*.py")]
    assert len(files) > 200
    assert [found for file in files for found in shells(file)] == []
    bad = tmp_path / "bad.py"
    bad.write_text("run('x', shell=True)\nos.system('x')\nrun(['x'])\n")
    assert len(list(shells(bad))) == 2
