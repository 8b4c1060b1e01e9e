"""With a server and a shell in another language, no command depends on translated messages."""

import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests import in_process, needs
from tests.clusters import running_cluster
from tests.support import is_one_clear_line, manage_process
from veza_core.db.embedded import directory

pytestmark = [pytest.mark.django_db, pytest.mark.process]

#: What pg_dump and the server say, by the language's locale.
LOCALES = {
    "de_DE": ("Fehler: Verbindung", "existiert nicht", "Division durch Null"),
    "fr_FR": ("erreur : la connexion", "n'existe pas", "division par zéro"),
}
REPLACE = ("--replace", "--noinput", "--lock-timeout=0.2")


@pytest.fixture(params=LOCALES)
def foreign(monkeypatch, request):
    """The URL of a server with translated messages, and words of three of them. Started programs
    have such messages too.
    """
    name, language = f"{request.param}.UTF-8", request.param[:2]
    if not any(Path(f"/usr/share/locale/{language}/LC_MESSAGES").glob("postgres-*.mo")):
        pytest.skip("dpkg is set to install no translations here (path-exclude)")
    compiler = needs.program("localedef", "needs localedef (Debian: apt install locales)")
    with tempfile.TemporaryDirectory() as locales:
        # The server's user reads it too.
        Path(locales).chmod(0o755)
        command = [compiler, "-i", request.param, "-f", "UTF-8", f"{locales}/{name}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            needs.go_without("needs the sources of locales (Debian: apt install locales)")
        variables = {"LOCPATH": locales, "LANG": name, "LC_ALL": name, "LANGUAGE": language}
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setattr(directory, "INHERITED", (*directory.INHERITED, "LOCPATH"))
        with running_cluster(needs.debian_programs(), auth="trust", lc_messages=name) as home:
            yield f"postgresql://postgres@/postgres?host={home}", *LOCALES[request.param]


def test_no_decision_depends_on_a_translated_message(foreign, tmp_path, settings):
    url, no_connection, not_there, by_zero = foreign
    settings.MIGRATE_LOCK_ATTEMPTS = 1
    pg_dump = subprocess.run(
        [needs.debian_programs() / "pg_dump", "--host=/nowhere"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert no_connection in pg_dump.stderr
    archive, cut = tmp_path / "a.dump", tmp_path / "cut.dump"

    def done(*arguments):
        result = in_process.run(url, arguments)
        assert (result.returncode, result.stderr) == (0, ""), arguments
        return result.stdout

    def refused(*arguments, url=url):
        result = in_process.run(url, arguments)
        assert is_one_clear_line(result), result.stderr
        return result.stderr

    done("migrate", "veza_core", "010")
    with psycopg.connect(url) as session:
        session.execute("LOCK TABLE users")
        assert "could not get its locks" in refused("migrate", "--lock-timeout=0.2")
    done("migrate")
    done("backup_db", str(archive))
    cut.write_bytes(archive.read_bytes()[:-1000])
    # We parse pg_restore's messages, so they are in English.
    told = refused("restore_db", str(cut), *REPLACE)
    assert "is cut short or damaged: pg_restore: could not read" in told
    assert not_there in refused("migrate", url=url.replace("/postgres?", "/gone?"))
    with psycopg.connect(url) as session:
        with pytest.raises(psycopg.errors.DivisionByZero, match=by_zero):
            session.execute("SELECT 1 / 0")
        session.rollback()
        session.execute("LOCK TABLE users")
        for command in (("restore_db", str(archive), *REPLACE), ("reset_db", *REPLACE[1:])):
            assert "other sessions block it" in refused(*command)
    done("restore_db", str(archive), *REPLACE)
    for command in ("audit_schema", "purge", "count_weekly_plays", "recount"):
        done(command)
    done("reset_db", "--noinput")
    # With all settings that a process reads from its environment.
    for command in (("migrate", "--check"), ("backup_db", str(tmp_path / "b.dump"))):
        result = manage_process(*command, DATABASE_URL=url)
        assert (result.returncode, result.stderr) == (0, ""), command
