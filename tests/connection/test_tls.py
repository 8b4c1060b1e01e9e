"""TLS to the server, as docs/operations.md sets it up: our sessions and pg_dump verify it."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.clusters import running_cluster
from tests.needs import debian_programs, program
from tests.support import is_one_clear_line, manage_process
from veza_core.db.embedded.account import account_for

pytestmark = pytest.mark.process

#: The name in the server's certificate.
NAME = "db.example.org"


def openssl(*arguments):
    path = program("openssl", "needs openssl")
    subprocess.run([path, *arguments], check=True, capture_output=True)


def certify(directory):
    """The certificate of an authority, and a key and certificate of a server, signed by it."""
    new = ("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    ca, key, request = (str(directory / name) for name in ("ca.pem", "server.key", "request"))
    openssl(*new, "-x509", "-subj", "/CN=Authority", "-keyout", f"{ca}.key", "-out", ca)
    openssl(*new, "-subj", f"/CN={NAME}", "-keyout", key, "-out", request)
    signed = ("x509", "-req", "-in", request, "-CA", ca, "-CAkey", f"{ca}.key", "-CAcreateserial")
    openssl(*signed, "-out", str(directory / "server.crt"))


@pytest.fixture(scope="module")
def server():
    """The directory of the certificates, and the address of a server that has one."""
    second, third = (1 + byte % 254 for byte in os.urandom(2))
    address = f"127.{second}.{third}.1"
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        certify(directory)
        account = account_for(directory)
        for name in ("server.key", "server.crt"):
            account.own(directory / name)
        files = {
            "ssl_cert_file": directory / "server.crt",
            "ssl_key_file": directory / "server.key",
        }
        options = {"listen_addresses": address, "ssl": "on", "random_page_cost": 1.1, **files}
        with running_cluster(debian_programs(), auth="trust", **options):
            yield directory, address


def url(address, name=NAME):
    place = f"{name}/postgres?hostaddr={address}"
    return f"postgresql://postgres@{place}&sslmode=verify-full"


def test_a_server_that_is_verified(server, tmp_path):
    directory, address = server
    where = {"DATABASE_URL": url(address), "PGSSLROOTCERT": str(directory / "ca.pem")}
    for arguments in (["migrate"], ["backup_db", str(tmp_path / "x.dump")]):
        result = manage_process(*arguments, **where)
        assert (result.returncode, result.stderr) == (0, ""), result
        assert result.stdout.startswith(f"Connected to postgres on {NAME}:5432 ({address}, ")


@pytest.mark.parametrize(
    ("name", "authority", "told"),
    [
        (NAME, "none", 'root certificate file ".*none" does not exist'),
        (NAME, "server.crt", "certificate verify failed"),
        ("other.example.org", "ca.pem", 'does not match host name "other.example.org"'),
    ],
)
def test_a_server_that_is_not_verified(server, name, authority, told):
    directory, address = server
    authority = str(directory / authority)
    result = manage_process("migrate", DATABASE_URL=url(address, name), PGSSLROOTCERT=authority)
    assert is_one_clear_line(result), result
    assert result.stdout == ""
    assert re.search(told, result.stderr), result
