"""The choice of pg_dump: the server's version, or else the nearest newer one."""

from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connection

from veza_core.operations.backup import programs as module
from veza_core.operations.backup.programs import Tools, find_tools, nearest, why_it_failed


def test_nearest():
    fourteen, sixteen, other, eighteen = (
        Tools(major, Path(f"/{n}")) for n, major in enumerate((14, 16, 16, 18))
    )
    found = [eighteen, sixteen, fourteen, other]
    assert nearest(found, 16) == [sixteen, other, eighteen]
    assert nearest(found, 15) == [sixteen, other, eighteen]
    assert nearest(found, 17) == [eighteen]
    assert nearest(found, 19) == []


@pytest.fixture
def make_tools(tmp_path):
    """Create programs that only print a version."""

    def make(name, *versions):
        directory = tmp_path / name
        directory.mkdir()
        for program, version in zip(module.NAMES, versions, strict=True):
            path = directory / program
            path.write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")
            path.chmod(0o755)
        return directory

    return make


def test_path_comes_first_and_odd_directories_are_passed_over(make_tools, tmp_path, monkeypatch):
    good = make_tools("good", "99.1", "99beta2 (Debian 99)")
    mixed = make_tools("mixed", "99.1", "98.2")
    wrapper = tmp_path / "wrapper"
    wrapper.mkdir()
    (tmp_path / "pg_wrapper").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.0'\n")
    (tmp_path / "pg_wrapper").chmod(0o755)
    for program in module.NAMES:
        (wrapper / program).symlink_to(tmp_path / "pg_wrapper")
    monkeypatch.setenv("PATH", f"{wrapper}::{mixed}:/nowhere:{good}")
    assert find_tools(99) == [Tools(99, good)]
    # Those of the embedded wheel are found without PATH.
    assert Tools(18, find_tools(18)[0].directory) in find_tools(18)


def test_too_old(make_tools):
    old = make_tools("old", "14.5", "14.5")
    with pytest.raises(CommandError) as refusal:
        find_tools(15, str(old))
    assert "the server is PostgreSQL 15, and no pg_dump" in str(refusal.value)
    assert f"14 in {old}" in str(refusal.value)
    assert "postgresql-client-15" in str(refusal.value)


@pytest.mark.django_db
def test_the_server_s_own_version_is_here():
    """Debian's, or the embedded server's own; npm's servers have none."""
    connection.ensure_connection()
    major = connection.pg_version // 10000
    if major in (16, 17) and not Path(f"/usr/lib/postgresql/{major}/bin/pg_dump").exists():
        assert find_tools(major)[0].major > major
    else:
        assert find_tools(major)[0].major == major


def test_what_pg_dump_asked_is_no_part_of_its_error():
    """The statement may be pages long."""
    messages = (
        "pg_dump: last built-in OID is 16383\n"
        "pg_dump: error: query failed: server closed the connection unexpectedly\n"
        "\tThis probably means the server terminated abnormally\n"
        "pg_dump: detail: Query was: SELECT c.tableoid,\nc.oid FROM pg_class c\n"
    )
    assert why_it_failed(["/usr/bin/pg_dump"], 1, messages) == (
        "pg_dump: query failed: server closed the connection unexpectedly This probably means the "
        "server terminated abnormally"
    )


def test_a_program_that_is_too_old_for_a_setting_of_the_connection():
    """It would ignore the setting as a variable, and so it gets an argument."""
    messages = 'pg_dump: error: invalid connection option "sslcertmode"\n'
    assert why_it_failed(["/usr/bin/pg_dump"], 1, messages) == (
        'pg_dump: invalid connection option "sslcertmode", which DATABASE_URL or a PG* variable '
        "sets: use newer client programs, or unset it"
    )
