"""Whether an archive has our database: the tables of its own migration history."""

from django.core.management.base import CommandError
from django.db.migrations.loader import MigrationLoader

from veza_core.operations.backup.archive import Archive
from veza_core.operations.backup.script import COPY, END_OF_ROWS
from veza_core.operations.deploy.recognition import tables_of

HISTORY = "django_migrations"


def check_contents(archive: Archive) -> None:
    """Refuse an archive that lacks a table of ours, or its rows.

    Migrations that this release does not have are skipped: `migrate` reports them. Raises
    `CommandError`, which names what is missing.
    """
    for kind in ("TABLE", "TABLE DATA"):
        if HISTORY not in archive.names(kind, "django"):
            raise CommandError(
                f"{archive.path} is not a backup of this project: "
                f"it has no {kind.lower()} of django.{HISTORY}"
            )
    expected = _tables_after(_history(archive))
    if not expected:
        raise CommandError(
            f"{archive.path} is not a backup of this project: its history in "
            f"django.{HISTORY} has none of our migrations"
        )
    for kind in ("TABLE", "TABLE DATA"):
        if missing := expected - archive.names(kind, "public"):
            raise CommandError(
                f"{archive.path} is incomplete: it has no {kind.lower()} of "
                f"{', '.join(sorted(missing))}"
            )


def _history(archive: Archive) -> set[tuple[str, str]]:
    """The applied migrations, app and name, from the archive's rows."""
    entries = [
        entry
        for entry in archive.contents.entries
        if (entry.kind, entry.schema, entry.name) == ("TABLE DATA", "django", HISTORY)
    ]
    recorded = set()
    columns: list[str] = []
    with archive.script(entries) as script:
        for line in script:
            if found := COPY.fullmatch(line):
                columns = found[0].decode().partition("(")[2].partition(")")[0].split(", ")
            elif columns and line == END_OF_ROWS:
                columns = []
            elif columns:
                row = dict(zip(columns, line.decode().rstrip("\n").split("\t"), strict=True))
                recorded.add((row["app"], row["name"]))
    return recorded


def _tables_after(history: set[tuple[str, str]]) -> set[str]:
    """The tables in `public` after these migrations, as far as this release knows them."""
    loader = MigrationLoader(None)
    known = [key for key in history if key in loader.graph.nodes]
    return tables_of(loader.project_state(known))
