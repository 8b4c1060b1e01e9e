"""What a command tells on a terminal while it works."""

from typing import Any

from veza_core.visible import visible


class StatusLine:
    """One line that is written over again, on a terminal; nothing anywhere else."""

    def __init__(self, stream: Any, *, shown: bool = True) -> None:
        self.stream = stream
        self.shown = shown and stream.isatty()

    def show(self, line: str) -> None:
        """Replace the line."""
        if self.shown:
            self.stream.write(f"\r\x1b[K{visible(line)}", ending="")
            self.stream.flush()

    def clear(self) -> None:
        """Leave nothing behind."""
        self.show("")
