"""Times the admin's pages on large tables, and stock ModelAdmins of the same tables.

The time is the server's, from the request to the last byte of the answer, in one process. It
includes middleware, templates and the staff log. Each round opens the page of each admin. A page of
the stock admin is stopped after `--limit` seconds, and not tried again.

With `--every` it times all URLs of all our screens instead, without the stock admin. It prints a
line for each screen, and each sequential scan of a table of more than 100,000 rows that EXPLAIN
shows.

seed_demo writes the data once, to a separate database that is kept for the next run. 1 million
users, 5 million tracks and 20 million plays take most of an hour, and 18 GB; `--scale` writes less.
"""

import argparse
import os
import subprocess
import sys

from benchmarks.server import PYTHON, ROOT

DATABASE = "bench_admin"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of all benchmarks of the admin."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--scale", choices=("small", "medium", "large"), default="large")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--database", default=DATABASE, help="created and filled if it does not exist"
    )
    return options


def start(options: argparse.Namespace) -> None:
    """Set up Django with the database of the options, and fill it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    os.environ["EMBEDDED_DATABASE"] = options.database
    import django

    django.setup()
    from django.conf import settings

    settings.DEBUG = False
    settings.ROOT_URLCONF = "benchmarks.admin.stock"
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECOND_FACTOR_REQUIRED = False
    fill(options)


def fill(options: argparse.Namespace) -> None:
    """Migrate and fill the database, unless it has the rows already."""
    from veza_core.models import User

    manage = [PYTHON, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "--noinput", "-v", "0"], check=True)
    if User.all_objects.exists():
        return
    subprocess.run([*manage, "seed_demo", "--scale", options.scale], check=True)


def main() -> None:
    """Fill, measure, report."""
    arguments = parser(__doc__)
    arguments.add_argument("--limit", type=int, default=10, help="maximum seconds of a stock page")
    arguments.add_argument("--every", action="store_true", help="all URLs, without the stock admin")
    options = arguments.parse_args()
    start(options)
    from benchmarks.admin import every, measuring

    measuring.print_sizes()
    if options.every:
        sys.exit(every.measure(measuring.signed_in(), options.rounds))
    measuring.compare_with_stock(measuring.signed_in(), options.rounds, options.limit)


if __name__ == "__main__":
    main()
