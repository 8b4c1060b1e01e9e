"""Runs schemalint (npm) on the same database, with the rules that both have."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

#: Its rules, and our rules with the same subject.
RULES = {
    "require-primary-key": ["pk-missing"],
    "prefer-timestamptz-to-timestamp": ["timestamps-type", "timestamp-without-time-zone"],
    "prefer-jsonb-to-json": ["type-json"],
    "index-referencing-column": ["fk-not-indexed"],
    "name-casing": ["name-not-snake-case"],
}

#: Seconds after which it is stopped.
TIMEOUT = 120


class Schemalint:
    """An installation in its own directory, which is deleted at the end of the block."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="bench-audit-")
        self.path = Path(self._directory.name)

    def install(self) -> str:
        """Install it and return its version. Raises `RuntimeError` with a reason of one line."""
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm is missing: install Node.js to compare with schemalint")
        (self.path / "package.json").write_text("{}")
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "schemalint"],
            cwd=self.path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        package = self.path / "node_modules/schemalint/package.json"
        if done.returncode or not package.exists():
            raise RuntimeError(f"schemalint cannot be installed: {done.stderr.strip()[:200]}")
        return str(json.loads(package.read_text())["version"])

    def run(
        self, connection: dict[str, str], schema: str = "public"
    ) -> tuple[float, int | str, str]:
        """Lint a schema; return seconds, findings or the reason why there are none, and its output.

        `connection` has host, port, user, password and database, in the form of node-postgres.
        """
        config = {
            "connection": connection,
            "schemas": [{"name": schema}],
            "rules": {name: ["error"] for name in RULES} | {"name-casing": ["error", "snake"]},
        }
        (self.path / ".schemalintrc.js").write_text(f"module.exports = {json.dumps(config)};")
        start = time.perf_counter()
        try:
            done = subprocess.run(
                ["node", "node_modules/schemalint/bin/schemalint"],
                cwd=self.path, capture_output=True, text=True, check=False, timeout=TIMEOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return time.perf_counter() - start, "not done", ""
        seconds = time.perf_counter() - start
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        found = sum(": error " in line for line in said.splitlines())
        if done.returncode == 0 or found:
            return seconds, found, said
        return seconds, done.stderr.split(":")[0], said

    def __enter__(self) -> "Schemalint":
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()
