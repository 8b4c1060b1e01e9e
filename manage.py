#!/usr/bin/env python
"""Django's command line; what is no bug of this program is one line and exit 1.

An argument that is given and empty makes 2, as any other that cannot be used.
A signal that ends it makes 128 and the signal's number; a standard output that could not be written
makes 1, or 141 where its reader had gone, and the command has done its work all the same.
"""

import gc
import os
import sys
from contextlib import nullcontext

from veza_core.management.command_line import empty_argument, has_bounded_waits
from veza_core.operations.ending import (
    cancel_statements,
    ignore_signals,
    interrupt_code,
    interrupt_on_signals,
)
from veza_core.operations.streams import guard_streams, lost_output

#: What argparse exits with.
WRONG_ARGUMENTS = 2

#: How many new objects the collector of cyclic garbage waits for. A start makes more than Python's
#: own 2,000 many times over, and all of them stay.
NEW_OBJECTS = 50_000


def main() -> None:
    """Run the command that the arguments name. Raises `SystemExit` where it has an exit code."""
    if empty := empty_argument(sys.argv[1:]):
        sys.stderr.write(f"manage.py: {empty} is empty. Nothing was done.\n")
        sys.exit(WRONG_ARGUMENTS)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    try:
        from veza_core.management.utility import Utility
    except ImportError:
        sys.exit("manage.py: Django is not installed: type 'make setup', then .venv/bin/python")

    from veza_core.db.waits import bounded_waits
    from veza_site.environment import read_file

    with bounded_waits() if has_bounded_waits(sys.argv[1:]) else nullcontext() as waits:
        try:
            read_file()
            Utility(sys.argv).execute()
        except BaseException as error:
            if code := interrupt_code(error):
                cancel_statements()
                sys.exit(code)
            if isinstance(error, SystemExit):
                raise
            # Imported late: mostly nothing goes wrong.
            from veza_core.errors import clear_line

            line = clear_line(error)
            if line is None or "--traceback" in sys.argv:
                raise
            sys.exit(f"manage.py: {line}{waits.told(error) if waits else ''}")


def outcome() -> str | int | None:
    """Run `main`, and write what is left to write; the exit code, or the line to end with."""
    code = None
    try:
        main()
    except SystemExit as end:
        code = end.code
    lost = lost_output(is_done=not code)
    return code or lost


def exit_code() -> str | int | None:
    """`outcome`, with streams that are safe to use and signals that end it; see above."""
    guard_streams()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    try:
        interrupt_on_signals()
        return outcome()
    except KeyboardInterrupt as error:
        # Before the command had begun, or after it had ended.
        return interrupt_code(error)
    finally:
        ignore_signals()
        # Python would look through all objects several times, to free them one by one. What has to
        # be done at the end is done by now, or by `atexit`.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(exit_code())
