"""How many processors this process may use. In a container, these may be fewer than the machine
has.
"""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_processors(cgroup: Path = CGROUP, own: Path = Path("/proc/self/cgroup")) -> int:
    """The number of processors that this process may use, at least 1.

    It is the lower of two limits: the processors that it may run on, and the share of its control
    group. A share of one and a half processors counts as two. `cgroup` is where control groups are
    mounted, and `own` names the group of the process (Linux, "Control Group v2", cpu.max; version 1
    has cpu.cfs_quota_us).
    """
    # macOS has no affinity.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    shares = [
        share for directory in _groups(cgroup, own) if (share := _share(directory)) is not None
    ]
    return max(1, min([allowed or 1, *map(math.ceil, shares)]))


def _groups(cgroup: Path, own: Path) -> list[Path]:
    """The directories of the process's control group and of its parents, whose limits apply too."""
    directories = [cgroup, cgroup / "cpu"]
    for line in _read(own).splitlines():
        _, controllers, name = line.split(":", 2)
        root = cgroup / "cpu" if "cpu" in controllers.split(",") else cgroup
        if controllers == "" or root != cgroup:
            path = root / name.lstrip("/")
            directories += [path, *path.parents]
    return [
        directory for directory in dict.fromkeys(directories) if directory.is_relative_to(cgroup)
    ]


def _share(directory: Path) -> float | None:
    """How many processors a group may use; None: no limit."""
    quota, _, period = _read(directory / "cpu.max").strip().partition(" ")
    if not quota:
        quota = _read(directory / "cpu.cfs_quota_us").strip()
        period = _read(directory / "cpu.cfs_period_us").strip()
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
