"""After a kill at any moment, the next plain `migrate` finishes, with the same catalog."""

import os
import random
import signal
import time

import psutil
import psycopg
import pytest

from tests.counts import SUMMARY
from tests.support import (
    database_environment,
    manage,
    running_manage,
    schema_of,
    scratch_database,
    server_parameters,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def undisturbed(migrated, django_db_blocker):
    with django_db_blocker.unblock():
        return state(migrated)


def state(name):
    """The schema, and how many rows the migrations inserted."""
    with psycopg.connect(**server_parameters(), dbname=name) as database:
        counts = database.execute(
            "SELECT (SELECT count(*) FROM permissions), (SELECT count(*) FROM roles), "
            "(SELECT count(*) FROM django.auth_permission)"
        ).fetchone()
    return schema_of(**server_parameters(), dbname=name), counts


def finish_and_compare(name, undisturbed):
    result = manage("migrate", **database_environment(name))
    assert result.returncode == 0, result.stderr
    assert state(name) == undisturbed


def wait_for(migration, run):
    """Read the output of a run until the migration is applied."""
    for line in run.stdout:
        if line.split()[0] == migration:
            return
    raise AssertionError(f"the run ended before {migration}")


@pytest.mark.parametrize(
    "boundary",
    [
        "veza_core.001_extensions_and_types",
        "veza_core.010_auth_and_users",
        "auth.0003_alter_user_email_max_length",
        "veza_core.020_rbac_and_profiles",
        "veza_streaming.040_streaming_core",
        "veza_streaming.041_streaming_analytics",
        "veza_media.042_media_processing",
        "veza_legacy_chat.050_legacy_chat",
        "veza_core.900_triggers_and_functions",
        "veza_site.0001_staff_log_and_notes",
    ],
)
def test_command_killed_at_a_boundary(boundary, undisturbed):
    with scratch_database() as name:
        with running_manage("migrate", **database_environment(name)) as run:
            wait_for(boundary, run)
            run.kill()
            assert run.wait() == -signal.SIGKILL
        finish_and_compare(name, undisturbed)


@pytest.mark.parametrize("seed", range(4))
def test_command_killed_at_a_random_moment(seed, undisturbed):
    with scratch_database() as name:
        with running_manage("migrate", **database_environment(name)) as run:
            run.stdout.readline()
            time.sleep(random.Random(seed).uniform(0, 1.2))  # noqa: S311 - a moment, not a secret
            run.kill()
        finish_and_compare(name, undisturbed)


def kill_the_backend(home):
    with psycopg.connect(host=str(home), user="postgres", dbname="veza") as session:
        (pid,) = session.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'veza' "
            "AND pid <> pg_backend_pid() ORDER BY backend_start LIMIT 1"
        ).fetchone()
    os.kill(pid, signal.SIGKILL)


def kill_the_server(home):
    server = psutil.Process(int((home / "postmaster.pid").read_text().split()[0]))
    for process in [server, *server.children()]:
        process.kill()
    psutil.wait_procs([server])


@pytest.mark.parametrize("kill", [kill_the_backend, kill_the_server])
@pytest.mark.parametrize(
    "boundary", ["veza_core.010_auth_and_users", "veza_streaming.040_streaming_core"]
)
def test_server_killed(kill, boundary, tmp_path):
    """On a separate embedded server, which the next command starts again."""
    home = tmp_path / "postgres"
    with running_manage("migrate", EMBEDDED_DIRECTORY=str(home), DATABASE_URL="") as run:
        wait_for(boundary, run)
        kill(home)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Traceback" not in err
    result = manage("migrate", EMBEDDED_DIRECTORY=str(home), DATABASE_URL="")
    assert result.returncode == 0, result.stderr
    assert SUMMARY in result.stdout
