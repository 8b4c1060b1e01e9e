"""sqlc compiles schema/ and schema/queries as schema/README.md says, and knows every type."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from benchmarks.queries.statements import STATEMENTS
from tests.support import ROOT

pytestmark = pytest.mark.process

README = (ROOT / "schema" / "README.md").read_text()


def test_it_compiles_every_statement(tmp_path):
    """The configuration of schema/README.md, word for word."""
    (configuration,) = re.findall(r'^    version: "2"\n(?:    .*\n)+', README, re.MULTILINE)
    configuration = re.sub("^    ", "", configuration, flags=re.MULTILINE)
    (tmp_path / "sqlc.yaml").write_text(configuration)
    # sqlc takes relative paths only.
    (tmp_path / "schema").symlink_to(ROOT / "schema")

    done = sqlc("generate", tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    code = "".join(path.read_text() for path in (tmp_path / "db").glob("*.go"))
    made = re.findall(r"^func \(q \*Queries\) (\w+)\(", code, re.MULTILINE)
    assert {*made} - {"WithTx"} == {*STATEMENTS}
    # If sqlc does not know a type, it uses interface{}.
    assert re.findall(r"^\t\w+ +\S*interface\{\}", code, re.MULTILINE) == []


def test_a_statement_that_does_not_fit_the_tables_is_refused(tmp_path):
    (tmp_path / "sqlc.yaml").write_text(
        'version: "2"\nsql: [{engine: postgresql, schema: schema, queries: query.sql, '
        "gen: {go: {package: db, out: db}}}]\n"
    )
    (tmp_path / "schema").symlink_to(ROOT / "schema")
    (tmp_path / "query.sql").write_text("-- name: A :one\nSELECT nothing FROM users;\n")

    done = sqlc("generate", tmp_path)

    assert done.returncode
    assert 'column "nothing" does not exist' in done.stderr


def sqlc(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sysconfig.get_path("scripts")) / "sqlc"
    return subprocess.run(
        [program, command, "--no-remote"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
