"""docs/operations.md as what it is for a reader with a shell: commands, and what they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support import ROOT

PAGE = ROOT / "docs" / "operations.md"
#: What `migrate` prints of a migration after V1, which the page does not know.
LATER = re.compile(r" *veza_\w+\.9(?!00_)\d\d_")


@dataclass(frozen=True, slots=True)
class Step:
    """A line that begins with `$`, under which heading it stands, and what it printed there."""

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
    """A line of output without what differs between two runs."""
    line = re.sub(r"(Connected to|taken at|server  ) .*", r"\1", line)
    # Other tests use the same server.
    line = re.sub(r"(may connect to other databases) .*", r"\1", line)
    line = re.sub(r"^(replication|connections) .*", r"\1", line)
    # Before its release, a version ends in "-dev".
    line = re.sub(r"(\d+\.\d+\.\d+)-dev\b", r"\1", line)
    line = re.sub(r"PostgreSQL .*?, schema", "PostgreSQL, schema", line)
    line = re.sub(r"sha256 \w+", "sha256", line)
    line = re.sub(r"\d[\d.,]*( ([kM]?B|s|min|h|d)\b)?", "", line)
    return " ".join(line.split())


def same(told: list[str], printed: list[str]) -> bool:
    """Whether the lines are those of the page, where "…" stands for any number of them."""
    told = [line for line in told if not LATER.match(line)]
    told, printed = ([without_figures(line) for line in lines if line] for lines in (told, printed))
    if "…" not in printed:
        return told == printed
    cut = printed.index("…")
    rest = len(printed) - cut - 1
    return len(told) > len(printed) and [*told[:cut], "…", *told[-rest:]] == printed
