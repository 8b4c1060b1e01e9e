"""The progress of a run: a line for each table, and on a terminal one that is overwritten."""

import time
from typing import Any

from veza_core.operations.progress import StatusLine


class FillProgress:
    """Gets every chunk; `verbosity` 0 prints nothing."""

    def __init__(self, rows: int, output: Any, errors: Any, verbosity: int) -> None:
        self.total, self.output = rows, output
        self.shown = bool(verbosity)
        self.line = StatusLine(errors, shown=self.shown)
        self.table = ""
        self.rows = self.done = 0
        self.began = self.started = self.last = time.monotonic()

    def advance(self, table: str, rows: int) -> None:
        """Report that this many more rows of the table are loaded."""
        if table != self.table:
            self.finish_table()
            # The table's first chunk began when the last chunk of the previous table ended.
            self.table, self.rows, self.began = table, 0, self.last
        self.last = time.monotonic()
        self.rows += rows
        self.done += rows
        rate = self.done / max(time.monotonic() - self.started, 0.001)
        self.line.show(f"{table}: {self.done:,} of {self.total:,} rows, {rate:,.0f} a second")

    def finish_table(self) -> None:
        """Print the line of the last table."""
        self.line.clear()
        if self.table and self.shown:
            rate = self.rows / max(self.last - self.began, 0.001)
            self.output.write(f"  {self.table}: {self.rows:,} rows, {rate:,.0f} a second")
        self.table = ""
