"""Measures whole commands in turn, so that a slow moment of the machine affects all of them."""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Case:
    """A command to measure; `prepare` runs before each round and is not measured."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    prepare: Callable[[], None] = lambda: None
    stdin: str | None = None
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    def run(self) -> None:
        """Run once. If the command fails, print its output and end the program."""
        self.prepare()
        used, started = self.cpu_seconds(), time.perf_counter()
        done = subprocess.run(
            self.command,
            env=dict(self.environment),
            input=self.stdin,
            text=True,
            check=False,
            capture_output=True,
        )
        self.seconds.append(time.perf_counter() - started)
        self.cpu.append(self.cpu_seconds() - used)
        if done.returncode:
            sys.exit(f"{self.name}: exit {done.returncode}: {done.stderr.strip()}")

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all commands so far, without the server."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime


def measure(cases: Sequence[Case], rounds: int) -> None:
    """Run each case once to warm up, then `rounds` times in turn."""
    for case in cases:
        case.run()
        case.seconds.clear()
        case.cpu.clear()
    for _ in range(rounds):
        for case in cases:
            case.run()


def report(cases: Sequence[Case], base: Case) -> None:
    """Print a line for each case: median, minimum and maximum in seconds, and the ratio to `base`.

    `cpu` is the median of the CPU seconds (`Case.cpu_seconds`).
    """
    width = max(len(case.name) for case in cases)
    print(f"{'':{width}}  median      min      max   ratio      cpu")
    for case in cases:
        print(
            f"{case.name:{width}}  {case.median:5.3f} s  {min(case.seconds):5.3f} s"
            f"  {max(case.seconds):5.3f} s  {case.median / base.median:5.2f}"
            f"  {statistics.median(case.cpu):5.3f} s"
        )
