"""Progress on a terminal while a command works."""

from typing import Any

from veza_core.visible import visible


class StatusLine:
    """One line that is overwritten, on a terminal; nothing elsewhere."""

    def __init__(self, stream: Any, *, shown: bool = True) -> None:
        self.stream = stream
        self.shown = shown and stream.isatty()

    def show(self, line: str) -> None:
        if self.shown:
            self.stream.write(f"\r\x1b[K{visible(line)}", ending="")
            self.stream.flush()

    def clear(self) -> None:
        self.show("")
