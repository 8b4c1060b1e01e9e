"""Progress on a terminal while a command works."""

from typing import Any, Self

from veza_core.visible import visible


class StatusLine:
    """One line on a terminal, which is overwritten. If there is no terminal, nothing is shown.

    In a `with`, it is cleared at the end.
    """

    def __init__(self, stream: Any, *, shown: bool = True) -> None:
        self.stream = stream
        self.shown = shown and stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, line: str) -> None:
        if self.shown:
            self.stream.write(f"\r\x1b[K{visible(line)}", ending="")
            self.stream.flush()

    def clear(self) -> None:
        self.show("")
