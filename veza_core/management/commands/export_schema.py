"""`manage.py export_schema`: writes the files of `schema/` from the migrations."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections

from veza_core.db.session import read_session
from veza_core.errors import one_line
from veza_core.management.arguments import add_database, some_path
from veza_core.management.base import AnnouncingCommand
from veza_core.schema.export import ExportError
from veza_core.schema.export.exporting import export
from veza_core.schema.export.files import stale, strays, write
from veza_core.visible import visible


class Command(AnnouncingCommand):
    """Write the schema as SQL, or check whether the committed files are up to date."""

    help = (
        "Writes schema/*.sql and schema/catalog.json from the migrations, applied to a "
        "throw-away database on the configured server."
    )
    # It reads no models, and the checks of the real database do not apply to a throw-away one.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="Write nothing; show a diff and exit 1 if the files are stale.",
        )
        parser.add_argument(
            "--directory",
            type=some_path,
            default=settings.BASE_DIR / "schema",
            help="The directory of the files. Defaults to schema/ of the project.",
        )
        add_database(parser, "The database on whose server the throw-away database is created")

    def handle(
        self, *, check: bool, directory: Path, database: str, verbosity: int, **options: Any
    ) -> None:
        _require_directory(directory, check=check)
        connection = connections[database]
        session = read_session(connection) if check else self.announce(connection)
        session.check_writable()
        try:
            files = export(database, verbosity=max(0, verbosity - 1))
        except ExportError as error:
            raise CommandError(one_line(error)) from error
        if check:
            diffs = stale(directory, files)
            self.stdout.write("".join(diffs.values()), ending="")
            if diffs:
                raise CommandError(
                    f"stale in {directory}: {', '.join(diffs)}: run manage.py export_schema"
                )
            changed = []
        else:
            try:
                changed = write(directory, files)
            except OSError as error:
                raise CommandError(
                    f"cannot write into {directory}: {error.strerror}: until export_schema "
                    "succeeds, its files may come from two exports"
                ) from error
            if foreign := strays(directory, files):
                raise CommandError(
                    f"export_schema did not write these files in {directory}: "
                    f"{', '.join(foreign)}: move them away"
                )
        if verbosity > 0:
            self.stdout.write(
                f"Written in {visible(directory)}: {', '.join(changed)}"
                if changed
                else f"{visible(directory)} is up to date"
            )


def _require_directory(directory: Path, *, check: bool) -> None:
    """Fail before the migrations run, if the directory does not exist."""
    if directory.exists() and not directory.is_dir():
        raise CommandError(f"{directory} is not a directory")
    if not directory.is_dir() and (check or not directory.parent.is_dir()):
        raise CommandError(f"there is no directory {directory}")
