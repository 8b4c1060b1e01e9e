"""Runs each command of docs/operations.md, in the order of the page, with an ordinary role."""

import os
import re
import shlex
import subprocess
import sys
import uuid
from string import Template
from unittest import mock
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import get_commands
from django.db import connections
from django.test import Client, override_settings
from psycopg import sql

from tests import in_process
from tests.backup.operations_page import PAGE, same, steps
from tests.backup.state import connect, differences, state_of
from tests.run import database_name
from tests.support import ROOT, administer, database_url, manage_process, server_parameters
from veza_core.db import embedded

pytestmark = pytest.mark.django_db

#: The rows for `purge` and `count_weekly_plays`, as on the page.
DUE = """
INSERT INTO users (email, username, deleted_at)
SELECT 'gone' || n || '@example.com', 'gone' || n, now() - interval '40 days'
FROM generate_series(1, 3) n;
INSERT INTO tracks (user_id, title, file_path) SELECT id, 'Track', 'f' FROM users;
INSERT INTO track_plays (track_id) SELECT id FROM tracks, generate_series(1, 5)
"""
WRONG = """
INSERT INTO tracks (user_id, title, file_path, like_count)
SELECT id, 'Track', 'f', 40 FROM users LIMIT 1
"""
BAD_RELEASE = """
INSERT INTO django.django_migrations (app, name, applied) VALUES ('veza_core', '910_bad', now());
UPDATE users SET is_active = false;
ALTER TABLE users DROP COLUMN slug
"""
#: The settings that name the roles of the admin.
ROLE_URLS = ("DATABASE_SUPPORT_URL", "DATABASE_WEB_URL")
NIGHTLY = "/var/backups/veza/veza-2026-11-28-0130.dump"
#: Commands that a test machine cannot run: only their files are checked.
ROOTS_OWN = ("useradd", "cd", "cp", "install", "systemctl", "python3")


class Operator:
    """A reader with the page, a shell and a server; names, paths and the server are the test's."""

    def __init__(self, directory):
        self.directory = directory
        self.database = database_name(uuid.uuid4().hex, "scratch")
        self.api = f"api_{uuid.uuid4().hex}"
        self.environment = {"DEBUG": "0", "STATIC_ROOT": str(directory / "staticfiles")}

    def ours(self, text):
        """The page's text, with the names of this run."""
        text = text.replace("/var/backups/veza", str(self.directory))
        text = re.sub(r"\bveza(?=(_rehearsal|_support|_web)?\b)", self.database, text)
        return re.sub(r"\bapi\b", self.api, text)

    def of_the_page(self, text):
        """A command's output, with the names of the page."""
        text = text.replace(self.environment["STATIC_ROOT"], "/opt/veza/staticfiles")
        text = text.replace(str(self.directory), "/var/backups/veza")
        return text.replace(self.database, "veza").replace(self.api, "api")

    @property
    def target(self):
        """The parts of DATABASE_URL as it is exported now."""
        return urlsplit(self.environment["DATABASE_URL"])

    def export(self, *assignments):
        for assignment in assignments:
            name, value = assignment.split("=", 1)
            if name.endswith("_URL"):
                url = urlsplit(value)
                database, user = self.ours(url.path[1:]), self.ours(url.username)
                value = database_url(database, user=user, password=url.password)
            self.environment[name] = value

    def psql(self, *arguments):
        assert arguments[:4] == ("-h", "db.example.org", "-U", "postgres")
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        server = {names[name]: value for name, value in server_parameters().items()}
        arguments = [self.ours(argument) for argument in arguments[4:]]
        if "-d" not in arguments:
            arguments = ["-d", "postgres", *arguments]
        elif "EMBEDDED" in connections["default"].settings_dict:
            # Its server lacks two of the extensions.
            missing = ("pgcrypto", '"uuid-ossp"')
            arguments = [
                "SELECT" if re.search("|".join(missing), argument) else argument
                for argument in arguments
            ]
        return subprocess.run(
            [embedded.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", *arguments],
            env={**os.environ, **server},
            capture_output=True,
            text=True,
            check=False,
        )

    def manage(self, command, *arguments):
        arguments = [command, *map(self.ours, arguments)]
        if command in ("check", "collectstatic", "dbshell"):
            return manage_process(*arguments, **self.environment)
        if command == "createsuperuser":
            # Instead of the questions.
            arguments.append("--noinput")
        url = self.target
        before = connections["default"]
        parameters = {name.upper(): value for name, value in server_parameters().items()}
        parameters |= {"USER": url.username, "PASSWORD": url.password or ""}
        as_role = {**before.settings_dict, **parameters}
        connections["default"] = type(before)(as_role, "default")
        try:
            with (
                override_settings(**{name: self.environment.get(name, "") for name in ROLE_URLS}),
                mock.patch.dict(os.environ, COLUMNS="200", DJANGO_SUPERUSER_PASSWORD="a b c"),
            ):
                return in_process.run(url.path[1:], tuple(arguments), debug=False)
        finally:
            connections["default"] = before

    def curl(self, option, header, url):
        """Ask the site, in this process."""
        assert option == "-H"
        name, value = Template(header).substitute(self.environment).split(": ", 1)
        with (
            in_process.default_database(self.target.path[1:]),
            override_settings(METRICS_TOKEN=self.environment["METRICS_TOKEN"]),
        ):
            answer = Client().get(urlsplit(url).path, headers={name: value})
        assert answer.status_code == 200
        return subprocess.CompletedProcess([url], 0, answer.content.decode(), "")

    def python(self, program, *arguments):
        """Run a module's program, `gunicorn` or `pip`, of this Python."""
        return subprocess.run(
            [sys.executable, "-m", program, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, command):
        """Run a line of the page, or check that the files it names exist."""
        program, *arguments = shlex.split(command)
        if (program, arguments[0]) == ("python", "manage.py"):
            return self.manage(*arguments[1:])
        if program in ("psql", "curl"):
            return getattr(self, program)(*arguments)
        if program == "gunicorn":
            return self.python(program, *arguments)
        if program == "export":
            self.export(*arguments)
        elif program == ".venv/bin/pip":
            assert (ROOT / arguments[-1]).is_file()
            told = self.python("pip", arguments[0], "--help").stdout
            assert all(option in told for option in arguments if option.startswith("--"))
        else:
            assert program in ROOTS_OWN, command
            self.look(arguments)
        return subprocess.CompletedProcess([program], 0, "", "")

    @staticmethod
    def look(arguments):
        """Check that the release has the files that a command names."""
        for argument in arguments:
            if argument.startswith("deploy/"):
                assert (ROOT / argument).is_file(), argument
            if argument.endswith((".timer", ".service")):
                assert (ROOT / "deploy/systemd" / argument.split("/")[-1]).is_file(), argument

    def drop_everything(self):
        """The server is lost."""
        for name in (f"{self.database}_rehearsal", self.database):
            administer(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
        ours = [f"{self.database}_{kind}" for kind in ("support", "web")]
        for name in (*ours, self.api, self.database):
            administer(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


@pytest.fixture
def operator(tmp_path):
    operator = Operator(tmp_path)
    try:
        yield operator
    finally:
        operator.drop_everything()


def test_each_command_of_the_page(operator):
    states, seen = {}, set()
    page = list(steps())
    for step in page:
        if step.heading not in seen:
            seen.add(step.heading)
            prepare(operator, step.heading, page, states)
        result = operator.run(step.command)
        told = operator.of_the_page(result.stdout + result.stderr)
        assert result.returncode == int(step.fails), (step.command, told)
        if step.printed:
            assert same(told.splitlines(), step.printed), f"{step.command}\n{told}"
        if step.command.endswith("migrate --check") and not step.fails:
            assert told == ""
    assert {"The rollback itself", "Purge", "A lost server"} <= seen


def test_the_page_says_which_lines_are_not_run():
    introduction = PAGE.read_text().split("\n1. ")[0]
    (named,) = re.findall(r"machine itself \((.*?)\) are not run", introduction)
    assert re.findall(r"`(\w+)`", named) == [*ROOTS_OWN, "pip"]
    used = {shlex.split(step.command)[0].rsplit("/", 1)[-1] for step in steps()}
    assert {*ROOTS_OWN, "pip"} <= used


def prepare(operator, heading, page, states):
    """Bring the database into the state at the beginning of a chapter."""
    if heading == "Every deploy":
        states["backup"] = state_of(operator.database)
    elif heading == "The rollback itself":
        with connect(operator.database) as database:
            database.execute(BAD_RELEASE)
            with pytest.raises(psycopg.errors.UndefinedColumn):
                database.execute("SELECT slug FROM users")
        assert differences(states["backup"], state_of(operator.database)) != ""
    elif heading == "The rehearsal":
        assert differences(states["backup"], state_of(operator.database)) == ""
        states["kept"] = state_of(operator.database)
    elif heading == "The support admin":
        # The rehearsal did not change the platform's database.
        assert differences(states["kept"], state_of(operator.database)) == ""
    elif heading == "Purge":
        # Between two deploys: a backup since the restore, and something to do.
        assert operator.manage("backup_db", NIGHTLY).returncode == 0
        with connect(operator.database) as database:
            database.execute(DUE)
    elif heading == "Counters":
        with connect(operator.database) as database:
            database.execute(WRONG)
    elif heading == "A lost server":
        operator.drop_everything()
        for step in page:
            if step.heading == "Roles and database":
                assert operator.run(step.command).returncode == 0


@pytest.mark.parametrize(
    "file",
    [*sorted((ROOT / "deploy").rglob("*.service")), ROOT / "deploy" / "crontab"],
    ids=lambda file: file.name,
)
def test_jobs_run_commands_that_there_are(file):
    text = file.read_text()
    commands = re.findall(r"manage\.py (\w+)", text)
    assert commands or "bin/gunicorn" in text
    assert set(commands) <= get_commands().keys()


def test_links_to_the_page_lead_somewhere():
    headings = re.findall(r"^#+ (.*)", PAGE.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("veza_*/**/*.py")]
    links = [
        link for file in files for link in re.findall(r"operations\.md#([\w-]+)", file.read_text())
    ]
    links += re.findall(r"\]\(#([\w-]+)\)", PAGE.read_text())
    assert links
    assert set(links) <= anchors


def test_every_alert_is_explained():
    rules = (ROOT / "deploy" / "prometheus" / "veza.rules.yml").read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    table = re.findall(r"^\| (Veza.*?) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(", ".join(table).split(", ")) == sorted(alerts)
    # As the page says, the first five wake somebody.
    urgent = re.findall(r"alert: (\w+)(?:(?!alert:).)*severity: page", rules, re.DOTALL)
    assert sorted(table[:5]) == sorted(urgent)
