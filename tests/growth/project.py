"""A copy of this project in a separate directory, to which tests add a table."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tests import forked
from tests.support import ROOT, database_environment

#: The files that the commands of CONTRIBUTING.md need, without `.env` and `.postgres`.
COPIED = (
    *sorted(path.name for path in ROOT.glob("veza_*")),
    *(
        "schema",
        "docs/schema.md",
        "docs/services.md",
        "manage.py",
        "pyproject.toml",
        "schema_audit.toml",
    ),
    *(".squawk.toml", "CONTRIBUTING.md"),
)


#: In seconds: several commands in one process, on a machine that may be busy.
LONGEST = 600


class Project:
    """The copy. `edited` are the names of the files that were edited by hand."""

    def __init__(self, directory: Path, database: str) -> None:
        self.directory = directory
        self.edited: set[str] = set()
        self.environment = {**os.environ, "DEBUG": "1", **database_environment(database)}
        self.environment.pop("PYTHONPATH", None)
        if "EMBEDDED" in settings.DATABASES["default"]:
            # Otherwise it would start a server in the copy.
            self.environment["EMBEDDED_DIRECTORY"] = str(settings.EMBEDDED_DIRECTORY)
        for name in COPIED:
            source, target = ROOT / name, directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    def edit(self, name: str, *replaced: tuple[str, str], append: str = "") -> None:
        """Edit a file by hand: replace texts that it contains once, and append a text."""
        path = self.directory / name
        text = path.read_text("utf-8")
        for old, new in replaced:
            # This project may have such a line by now, as an import.
            if not new or new not in text:
                assert text.count(old) == 1, old
                text = text.replace(old, new)
        path.write_text(text + append, "utf-8")
        self.edited.add(name)

    def last_migration(self, app: str) -> str:
        """The name of the app's migration with the highest number."""
        return max(path.stem for path in (self.directory / app / "migrations").glob("[0-9]*.py"))

    def next_number(self, app: str, first: int) -> int:
        """The number of the app's next migration; `first` is that of the first one after V1."""
        return max(first, int(self.last_migration(app)[:3]) + 1)

    def run(self, code: str) -> str:
        """Run Python in a separate process, with the copy's settings; return its output."""
        program = self.directory / "program.py"
        program.write_text(f"import django\n\ndjango.setup()\n\n{code}", "utf-8")
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "veza_site.settings"}
        try:
            done = forked.run(program, (), environment, LONGEST)
        finally:
            program.unlink()
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ruff(self) -> str:
        """The findings of `make lint` about the style."""
        ruff = Path(sys.executable).parent / "ruff"
        said = ""
        for arguments in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
            done = subprocess.run(
                [ruff, *arguments, "--quiet", self.directory],
                capture_output=True,
                text=True,
                check=False,
                cwd=self.directory,
            )
            said += done.stdout + done.stderr
        return said

    def commands(self) -> list[str]:
        """The commands that CONTRIBUTING.md says to type for a new table."""
        text = (self.directory / "CONTRIBUTING.md").read_text("utf-8")
        chapter = text.partition("### A new table")[2].partition("###")[0]
        return re.findall(r"^    (\S.*)$", chapter, re.M)

    def places(self) -> list[str]:
        """The files or directories that it says to edit for a new table."""
        text = (self.directory / "CONTRIBUTING.md").read_text("utf-8")
        chapter = text.partition("### A new table")[2].partition("###")[0]
        steps = re.findall(r"^\d\. (.*(?:\n   .*)*)", chapter, re.M)
        return [re.findall(r"veza_\w+/\w+/|docs/\w+\.md", step)[0] for step in steps]
