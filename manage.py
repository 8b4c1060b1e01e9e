#!/usr/bin/env python
"""Django's command line. An error that is not a bug is one line, with exit status 1.

Other exit statuses: 2 for an empty argument, and for any other invalid one; 128 plus the signal's
number after a signal. If standard output could not be written, the command has still done its work:
the exit status is 1, or 141 if the reader has gone.
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

#: The exit status of argparse.
WRONG_ARGUMENTS = 2

#: The garbage collector runs after this many new objects. A start creates 120,000, `reset_db`
#: 160,000, and nearly all of them stay: to search them takes 0.04 s each time.
NEW_OBJECTS = 250_000


def main() -> None:
    """Run the command in the arguments. Raises `SystemExit` if it has an exit status."""
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
            # Imported late, because usually there is no error.
            from veza_core.errors import clear_line

            line = clear_line(error)
            if line is None or "--traceback" in sys.argv:
                raise
            sys.exit(f"manage.py: {line}{waits.timeout_text(error) if waits else ''}")


def outcome() -> str | int | None:
    """Run `main`, and flush the output. Return the exit status, or the last line to print."""
    code = None
    try:
        main()
    except SystemExit as end:
        code = end.code
    lost = lost_output(is_done=not code)
    return code or lost


def exit_code() -> str | int | None:
    """Run `outcome` with safe standard streams, and with signals that end it: see above."""
    guard_streams()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    try:
        interrupt_on_signals()
        return outcome()
    except KeyboardInterrupt as error:
        # The signal came before the command began, or after it ended.
        return interrupt_code(error)
    finally:
        ignore_signals()
        # Otherwise Python would search all objects several times, to free them one by one. All
        # necessary work is done before this, or by `atexit`.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(exit_code())
