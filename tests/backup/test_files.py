"""Files that are not backups, paths that are not files, and a machine without temporary files."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.backup.state import differences, state_of
from tests.support import ROOT, database_environment, run_command, server_parameters
from veza_core.operations.backup.archive import open_archive
from veza_core.operations.backup.files import written_whole
from veza_core.operations.backup.programs import Tools, find_tools
from veza_core.visible import visible

pytestmark = pytest.mark.django_db


def dumped(filled, path, *options):
    """A file of pg_dump in another format."""
    tools = find_tools(connection.pg_version // 10000)
    environment = {f"PG{name.upper()}": value for name, value in server_parameters().items()}
    subprocess.run(
        [tools[0].path("pg_dump"), "--schema-only", *options, "-f", path],
        env={**environment, "PGDATABASE": filled},
        check=True,
    )
    return path


def test_a_pipe_is_no_backup(tmp_path):
    """The command, and pg_restore, would wait for a writer that does not exist."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(CommandError, match="is a device, a pipe or a socket"):
            open_archive(path, [])


def test_a_umask_removes_no_permission_of_the_owner(tmp_path):
    """pg_dump could not write it, and nobody but root could restore it."""
    for umask in (0o777, 0):
        before = os.umask(umask)
        try:
            with written_whole(tmp_path / "a.dump", replace=True) as partial:
                assert partial.stat().st_mode & 0o777 == 0o600
        finally:
            os.umask(before)


def archives_of_others(filled, archive, directory):
    """Paths of files that are not backups, and the message about each."""
    whole = archive.read_bytes()
    yield dumped(filled, directory / "a.sql", "-Fp"), "is SQL, which psql reads"
    yield dumped(filled, directory / "a.tar", "-Ft"), "is a tar file"
    yield dumped(filled, directory / "directory", "-Fd"), "directory format"
    with tarfile.open(directory / "b.tar", "w") as tar:
        tar.add(archive, "a.dump")
    yield directory / "b.tar", "is a tar file"
    contents = {
        "a.gz": (gzip.compress(whole), "is compressed by gzip"),
        "a.zst": (b"\x28\xb5\x2f\xfd" + whole, "is compressed by zstd"),
        "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(900), "is not an archive of backup_db"),
        "zeros": (bytes(5000), "is not an archive of backup_db"),
        "huge": (whole[:30] + b"\xff" * 600 + whole[630:], "cut short or damaged"),
        "old": (whole[:6] + b"\x0a" + whole[7:], "cut short or damaged"),
        "next": (b"PGDMP\x02" + whole[6:], "a format of pg_dump that this release does not know"),
    }
    for name, (content, told) in contents.items():
        (directory / name).write_bytes(content)
        yield directory / name, told
    # It may be cut at any place of its contents.
    for size in (5, 11, 12, 60, 500, 5000):
        (directory / f"cut_{size}").write_bytes(whole[:size])
        yield directory / f"cut_{size}", "cut short or damaged"


def test_files_of_other_programs_are_recognised(filled, archive, tmp_path):
    tools = find_tools(connection.pg_version // 10000)
    for path, expected in archives_of_others(filled, archive, tmp_path):
        with pytest.raises(CommandError) as refusal:
            open_archive(path, tools).check_whole()
        assert expected in str(refusal.value), path
        assert "\n" not in str(refusal.value)


def test_tools_that_are_too_old_for_the_file(archive, tmp_path):
    with pytest.raises(CommandError, match=r" was written by pg_dump 1\d or newer"):
        open_archive(archive, [Tools(11, tmp_path)])


@pytest.mark.parametrize("replace", [True, False])
def test_only_a_file_is_replaced(replace, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    before = sorted(tmp_path.iterdir())
    for path, told in {
        tmp_path / "link": "symbolic link",
        tmp_path / "dangling": "symbolic link",
        tmp_path / "pipe": "a device, a pipe",
        tmp_path / "directory": "a directory",
        Path("/dev/null"): "a device, a pipe",
    }.items():
        refusal = pytest.raises(CommandError, match=told)
        with refusal, written_whole(path, replace=replace):
            raise AssertionError("it was written to")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("command", ["backup_db", "restore_db"])
@pytest.mark.parametrize("name", ["-", "directory/", "/", ".", "directory/.", "directory/.."])
def test_a_name_that_is_not_a_files(command, name, tmp_path, monkeypatch):
    """`backup_db $DIRECTORY/$NAME` without a NAME once made a file in the directory's place."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=r"- is not accepted|is a directory"):
        call_command(command, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "a\udcff\udcfeb", "-dash", "--file=x"])
def test_every_name_that_a_file_may_have(name, database, tmp_path, monkeypatch, settings):
    settings.DEBUG = True
    monkeypatch.chdir(tmp_path)
    out, err = run_command("backup_db", "--", name, database=database)
    assert err == "", "that it was made is noted in the database, whatever the name"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    run_command("restore_db", "--replace", "--noinput", "--", name, database=database)
    assert visible(name) in out


def test_no_temporary_directory_is_needed(database, tmp_path, monkeypatch, settings):
    """With a read-only root file system, and a volume for backups."""
    settings.DEBUG = True

    def none(*arguments):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    path = str(tmp_path / "a.dump")
    before = state_of(database)
    run_command("backup_db", path, database=database)
    run_command("restore_db", path, "--replace", "--noinput", database=database)
    assert differences(before, state_of(database)) == ""


READ_ONLY = """
set -e
mount --make-rprivate /
for place in "$1" "$2"; do mount --bind "$place" "$place"; done
for place in / /tmp /var/tmp /dev/shm; do
    mount -o remount,bind,ro "$place" 2>/dev/null || true
done
for place in /tmp /var/tmp . "$1/.."; do
    if touch "$place/written" 2>/dev/null; then rm "$place/written"; exit 99; fi
done
shift 2
exec "$@"
"""


def test_a_read_only_root_file_system(database, tmp_path, settings):
    """A separate process, in a mount namespace if this machine allows one."""
    path = str(tmp_path / "a.dump")
    before = state_of(database)
    embedded = "EMBEDDED" in connection.settings_dict
    # The embedded server's clients say in its directory that they are there.
    writable = [str(tmp_path), str(settings.EMBEDDED_DIRECTORY if embedded else tmp_path)]
    unshare = shutil.which("unshare") or "false"
    namespace = [unshare, "--mount", "sh", "-c", READ_ONLY, "sh", *writable]
    granted = subprocess.run([*namespace, "true"], cwd=ROOT, capture_output=True, check=False)
    within = namespace if granted.returncode == 0 else []
    for command in (["backup_db", path], ["restore_db", path, "--replace", "--noinput"]):
        done = subprocess.run(
            [*within, sys.executable, "manage.py", *command],
            cwd=ROOT,
            env={
                **os.environ,
                **database_environment(database),
                "DEBUG": "1",
                "TMPDIR": "/nowhere",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), granted.stderr
    assert differences(before, state_of(database)) == ""
