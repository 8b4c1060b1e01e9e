"""deploy/: the commands of systemd and cron exist, with their options."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.support import ROOT

SYSTEMD = ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
#: The jobs, without the site.
JOBS = {"backup_db", "purge", "count_weekly_plays", "clearsessions"}
#: Optional, because purge does it by its own policy.
OPTIONAL = "clearsessions"
SITE = "@reboot "
CRONTAB = ROOT / "deploy" / "crontab"
MANAGE = "/opt/veza/.venv/bin/python /opt/veza/manage.py "


def values(unit: Path, name: str) -> list[str]:
    """The values of a name in a unit."""
    return re.findall(rf"(?m)^{name}=(.*)$", unit.read_text())


def started(unit: Path) -> str:
    """The command of a service, for a shell: %% and $$ are systemd's escapes."""
    [line] = values(unit, "ExecStart")
    line = line.replace("%%", "%").replace("$$", "$")
    words = shlex.split(line)
    return words[2] if words[:2] == ["/bin/sh", "-c"] else line


def arguments(command: str) -> list[str]:
    """The arguments of manage.py, once a shell has read the command."""
    rest = command.partition("manage.py ")[2]
    assert rest, command
    shell = ["/bin/sh", "-c", f"printf '%s\\n' {rest}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def cron_lines() -> list[tuple[list[str], str]]:
    """The fields of the time and the user, and the command that cron gives to the shell."""
    found = []
    for line in CRONTAB.read_text().splitlines():
        if re.match(r"#?[\d*]", line):
            *fields, command = line.removeprefix("#").split(maxsplit=6)
            assert line.startswith("#") == (OPTIONAL in command)
            assert not re.search(r"(?<!\\)%", command), "cron ends the command at a bare %"
            found.append((fields, command.replace(r"\%", "%")))
    return found


def parse(command: str) -> str:
    """Check that manage.py accepts the command; return its name."""
    name, *options = arguments(command)
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parsed = parser.parse_args(options)
    if name == "backup_db":
        assert re.fullmatch(r"/var/backups/veza/veza-\d{4}-\d\d-\d\d-\d{4}\.dump", str(parsed.file))
    return name


def test_services_start_commands_that_there_are():
    jobs = [started(unit) for unit in SERVICES if unit.name != "veza-site.service"]
    assert all(MANAGE in job for job in jobs)
    assert sorted(map(parse, jobs)) == sorted(JOBS)


def test_cron_starts_the_same():
    lines = cron_lines()
    assert {parse(command) for _, command in lines} == JOBS
    assert len(lines) == len(JOBS)
    for fields, command in lines:
        assert fields[-1] == "veza"
        assert all(re.fullmatch(r"\*|\*/\d+|\d+", field) for field in fields[:-1])
        done = subprocess.run(["/bin/sh", "-n", "-c", command], check=False)
        assert done.returncode == 0, command


def test_cron_starts_the_site_as_its_unit_does():
    [line] = [line for line in CRONTAB.read_text().splitlines() if line.startswith(SITE)]
    user, command = line.removeprefix(SITE).split(maxsplit=1)
    assert user == "veza"
    site = SYSTEMD / "veza-site.service"
    [program] = values(site, "ExecStart")
    assert command.endswith(f"exec {program.removeprefix('/opt/veza/')}")
    assert f". {values(site, 'EnvironmentFile')[0]} " in command
    assert values(site, "WorkingDirectory") == ["/opt/veza"]
    assert command.startswith("cd /opt/veza ")
    assert subprocess.run(["/bin/sh", "-n", "-c", command], check=False).returncode == 0


def test_the_page_does_not_enable_what_is_optional():
    page = (ROOT / "docs" / "operations.md").read_text()
    assert f"veza-{OPTIONAL}.timer` is optional" in page
    assert not re.search(rf"$ systemctl enable .*{OPTIONAL}", page)


def test_each_job_has_a_timer_of_its_name():
    timers = {unit.stem for unit in UNITS if unit.suffix == ".timer"}
    assert timers == {unit.stem for unit in SERVICES} - {"veza-site"}
    for unit in UNITS:
        if unit.suffix == ".timer":
            assert values(unit, "OnCalendar"), unit
            assert values(unit, "WantedBy") == ["timers.target"]
            # Without Unit=, a timer starts the service with its name.
            assert values(unit, "Unit") == []


def test_cron_and_timers_agree():
    """At the same minutes and hours."""
    at = {parse(started(unit)): unit for unit in SERVICES if unit.name != "veza-site.service"}
    for fields, command in cron_lines():
        minute, hour = fields[:2]
        [calendar] = values(at[parse(command)].with_suffix(".timer"), "OnCalendar")
        if minute.startswith("*/"):
            assert calendar == f"*:0/{minute[2:]}"
        else:
            assert calendar == f"*-*-* {int(hour):02}:{int(minute):02}"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_services_are_confined(unit):
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert values(unit, name) == ["true"]
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "User") == ["veza"]
    is_site = unit.stem == "veza-site"
    file = "/etc/veza/site" if is_site else "/etc/veza/environment"
    assert values(unit, "EnvironmentFile") == [file]
    assert values(unit, "InaccessiblePaths") == (["/etc/veza"] if is_site else [])
    # It may write only there.
    writes = ["/var/backups/veza"] if "backup" in unit.stem else []
    assert values(unit, "ReadWritePaths") == writes


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.process
def test_systemd_understands_the_units(tmp_path):
    """With programs of this machine, because systemd checks that they exist."""
    programs = {
        "/opt/veza/.venv/bin/python": sys.executable,
        "/opt/veza/.venv/bin/gunicorn": str(Path(sys.executable).with_name("gunicorn")),
    }
    copies = []
    for unit in UNITS:
        text = unit.read_text()
        for program, there in programs.items():
            text = text.replace(f"={program}", f"={there}")
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(text.replace("file:/opt/veza", f"file:{ROOT}"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *copies],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
