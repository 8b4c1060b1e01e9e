"""schema/README.md for Node's developers: PGlite loads the files, pgtyped compiles them."""

import json
import re
import socket
import socketserver
import subprocess
import threading
from contextlib import contextmanager

import pytest

from benchmarks.queries.statements import STATEMENTS
from tests.matrix import NODE_MODULES
from tests.support import ROOT

pytestmark = pytest.mark.process

README = (ROOT / "schema" / "README.md").read_text()


@pytest.fixture(scope="module")
def modules():
    """The directory of Node's packages."""
    if not NODE_MODULES.exists():
        pytest.skip("needs PGlite and pgtyped, which `make test-matrix` gets from npm's registry")
    return NODE_MODULES


@pytest.fixture
def directory(tmp_path, modules):
    """A project of Node's, with the schema in it."""
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "schema").symlink_to(ROOT / "schema")
    (tmp_path / "src").mkdir()
    return tmp_path


def run(*command, directory):
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


AGAIN = """
const objects = "SELECT count(*)::int FROM pg_class WHERE relnamespace = 'public'::regnamespace";
const count = async () => (await database.query(objects)).rows[0].count;
const before = await count();
const error = await database.transaction((again) => again.exec(schema)).catch((error) => error);
console.log(JSON.stringify([before, await count(), error.message]));
"""


def test_pglite_loads_the_files_once(directory, first):
    (code,) = re.findall(r"^    import \{ PGlite \}.*\n(?:(?:    .*)?\n)+", README, re.MULTILINE)
    (directory / "load.mjs").write_text(re.sub("^    ", "", code, flags=re.MULTILINE) + AGAIN)

    done = run("node", "load.mjs", directory=directory)

    assert done.returncode == 0, done.stderr
    before, after, error = json.loads(done.stdout)
    objects = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert before == after == first.one(objects)
    assert error.endswith("has this schema already, or a part of it")


@contextmanager
def tcp_port_of(info):
    """A port of 127.0.0.1 that leads to the server's socket, because pgtyped needs one."""

    class Forward(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(f"{info.host}/.s.PGSQL.{info.port}")
                back = threading.Thread(target=pump, args=(server, self.request))
                back.start()
                pump(self.request, server)
                server.shutdown(socket.SHUT_RDWR)
                back.join()

    if not info.host.startswith("/"):
        pytest.skip("the server listens on TCP by itself")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)


def test_pgtyped_compiles_every_statement(directory, first):
    (line,) = re.findall(r"^    (cat schema/queries/.*)$", README, re.MULTILINE)
    assert run("/bin/sh", "-c", line, directory=directory).returncode == 0
    transform = {
        "mode": "sql",
        "include": "*.sql",
        "emitTemplate": "{{dir}}/{{name}}.ts",
    }
    configuration = {"transforms": [transform], "srcDir": "./src", "failOnError": True}
    (directory / "config.json").write_text(json.dumps(configuration))

    info = first.connection.info
    with tcp_port_of(info) as port:
        url = f"postgresql://{info.user}:unused@127.0.0.1:{port}/{info.dbname}"
        done = run(
            "node_modules/.bin/pgtyped",
            "--config",
            "config.json",
            "--uri",
            url,
            directory=directory,
        )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    code = (directory / "src" / "veza.ts").read_text()
    made = re.findall(r"^export const (\w+) = new PreparedQuery", code, re.MULTILINE)
    assert {name[0].upper() + name[1:] for name in made} == {*STATEMENTS}
    # Expressions whose type pgtyped does not know.
    assert re.findall(r"^ +\w+\??: (?:unknown|any)\b.*", code, re.MULTILINE) == []
