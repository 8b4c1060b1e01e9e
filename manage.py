#!/usr/bin/env python
"""Django's command line; what is no bug of this program is one line and exit 1."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("manage.py: Django is not installed: type 'make setup', then .venv/bin/python")

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader, such as `head`, has enough. Python would complain once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        # Imported late: mostly nothing goes wrong.
        from veza_core.errors import clear_line

        line = clear_line(error)
        if line is None or "--traceback" in sys.argv:
            raise
        sys.exit(f"manage.py: {line}")


if __name__ == "__main__":
    main()
