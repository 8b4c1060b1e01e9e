"""The number of gunicorn's processes depends on the processors that this process may use."""

import os

import pytest

from veza_site import processors


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """A machine on which the process may run on eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def count(tmp_path, own, files):
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "own").write_text(own)
    return processors.usable_processors(tmp_path / "cgroup", tmp_path / "own")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 8),
        # A group within others: the lowest limit applies.
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        # Version 1.
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "200000\n",
                                "cpu/a/cpu.cfs_period_us": "100000\n"}, 2),
        ("4:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1\n",
                               "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("0::/../..\n", {"cpu.max": "nonsense"}, 8),
    ],
)  # fmt: skip
def test_control_groups(tmp_path, own, files, expected):
    assert count(tmp_path, own, files) == expected


def test_affinity(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert count(tmp_path, "0::/\n", {"cpu.max": "400000 100000\n"}) == 1


def test_machine_without_control_groups(tmp_path):
    assert processors.usable_processors(tmp_path / "none", tmp_path / "none") == 8
