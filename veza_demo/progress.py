"""The progress of a run: a bar on a terminal, a line for each table elsewhere."""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar


class FillProgress:
    """Gets every chunk; `verbosity` 0 prints nothing."""

    def __init__(self, rows: int, output: Any, errors: Any, verbosity: int) -> None:
        self.output = output
        self.bar: Bar | None = None
        if verbosity and errors.isatty():
            # rich itself respects NO_COLOR.
            self.bar = Bar(
                TextColumn("{task.description:24}"),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("", total=rows, rate="")
        self.shown = bool(verbosity)
        self.table = ""
        self.rows = self.done = 0
        self.began = self.started = self.last = time.monotonic()

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar:
            self.bar.stop()
        self._finish_table()

    def advance(self, table: str, rows: int) -> None:
        """Report that this many more rows of the table are loaded."""
        if table != self.table:
            self._finish_table()
            # The table's first chunk began when the last chunk of the previous table ended.
            self.table, self.rows, self.began = table, 0, self.last
        self.last = time.monotonic()
        self.rows += rows
        self.done += rows
        if self.bar:
            rate = self.done / max(time.monotonic() - self.started, 0.001)
            self.bar.update(self.task, advance=rows, description=table, rate=f"{rate:,.0f} rows/s")

    def _finish_table(self) -> None:
        if self.table and self.shown and not self.bar:
            rate = self.rows / max(self.last - self.began, 0.001)
            self.output.write(f"  {self.table}: {self.rows:,} rows, {rate:,.0f} a second")
        self.table = ""
