"""A pytest plugin (`-p tests.times`): how long the tests of each directory took, in seconds.

It prints the table on the terminal, and appends it to the file that TEST_TIMES names.
"""

import os
from collections import Counter
from pathlib import Path

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, the longest first."""
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            # The time of a subtest is part of its test's.
            if type(report) is pytest.TestReport:
                directory = Path(report.nodeid.split("::")[0]).parent.as_posix()
                seconds[directory] += report.duration
                tests[directory] += report.when == "call"
    lines = [
        f"{directory:<24}{tests[directory]:>6} tests{total:>9.1f} s"
        for directory, total in seconds.most_common()
    ]
    lines.append(f"{'all workers together':<24}{tests.total():>6} tests{seconds.total():>9.1f} s")
    terminalreporter.section("time by directory")
    terminalreporter.write_line("\n".join(lines))
    if path := os.environ.get("TEST_TIMES"):
        with Path(path).open("a") as file:
            file.write("\n".join([*lines, "", ""]))
