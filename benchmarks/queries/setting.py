"""Helpers of the benchmarks of queries: Django, the server, and a description of the machine."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import django
import psycopg

from benchmarks.server import Server

#: Settings of the server that change the figures.
SETTINGS = (
    "server_version", "shared_buffers", "work_mem", "fsync", "full_page_writes", "wal_level",
    "random_page_cost", "effective_cache_size", "max_parallel_workers_per_gather", "jit",
)  # fmt: skip


def start() -> Server:
    """Set up Django, and return the server of its settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    return Server()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of all these benchmarks."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    return options


def positive(text: str) -> int:
    """Return an integer above 0, for argparse. Raises `ArgumentTypeError` for a lower one."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def add_page_cost(options: argparse.ArgumentParser) -> None:
    """Add the option for random_page_cost."""
    options.add_argument(
        "--random-page-cost", type=float, default=1.1, metavar="COST",
        help="random_page_cost: 1.1, for solid-state disks; PostgreSQL's default is 4",
    )  # fmt: skip


def machine(connection: psycopg.Connection) -> dict[str, Any]:
    """Describe the machine and the server's settings, for the results."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    shown = {}
    for name in SETTINGS:
        shown[name] = connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
    return {
        "processors": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "server": shown,
    }


def write(path: Path | None, results: dict[str, Any]) -> None:
    """Write the results as JSON, if the option is given."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
