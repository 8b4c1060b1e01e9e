"""docs/operations.md as commands with their output."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support import ROOT

PAGE = ROOT / "docs" / "operations.md"
#: The output of `migrate` for a migration after V1, which the page does not have.
LATER = re.compile(r" *veza_\w+\.9(?!00_)\d\d_")


@dataclass(frozen=True, slots=True)
class Step:
    """A line that begins with `$`, its heading, and its output on the page."""

    heading: str
    command: str
    printed: list[str]

    @property
    def fails(self) -> bool:
        """Whether the page shows that the command is refused."""
        return any(line.startswith("CommandError") for line in self.printed)


def steps() -> Iterator[Step]:
    """The commands of the page, in its order."""
    heading, step = "", None
    for line in [*PAGE.read_text().splitlines(), ""]:
        command = re.fullmatch(r"(?: {4}| {7})\$ (.*)", line)
        if step and (command or not line.startswith("    ")):
            yield step
            step = None
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif command:
            step = Step(heading, command[1], [])
        elif step:
            step.printed.append(line.strip())


def without_figures(line: str) -> str:
    """A line of output without the parts that differ between runs."""
    line = re.sub(r"(Connected to|server  ) .*", r"\1", line)
    line = re.sub(r"taken at .* as \w+", "taken at", line)
    # Other tests use the same server.
    line = re.sub(r"(may connect to other databases) .*", r"\1", line)
    line = re.sub(r"^(replication|connections) .*", r"\1", line)
    # A version ends in "-dev" before its release.
    line = re.sub(r"(\d+\.\d+\.\d+)-dev\b", r"\1", line)
    line = re.sub(r"PostgreSQL .*?, schema", "PostgreSQL, schema", line)
    line = re.sub(r"sha256 \w+", "sha256", line)
    line = re.sub(r"\d[\d.,]*( ([kM]?B|s|min|h|d)\b)?", "", line)
    return " ".join(line.split())


def same(told: list[str], printed: list[str]) -> bool:
    """Whether the lines equal those of the page, in which "…" stands for any number of lines."""
    told = [line for line in told if not LATER.match(line)]
    told, printed = ([without_figures(line) for line in lines if line] for lines in (told, printed))
    if "…" not in printed:
        return told == printed
    cut = printed.index("…")
    rest = len(printed) - cut - 1
    return len(told) > len(printed) and [*told[:cut], "…", *told[-rest:]] == printed
