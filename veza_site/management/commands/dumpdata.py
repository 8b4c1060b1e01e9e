"""`dumpdata`: Django's command, which prints what it saves, and writes the same into the file."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import dumpdata

from veza_core.db.session import Session
from veza_core.management.announced import AnnouncedMixin
from veza_core.management.arguments import some_file
from veza_core.operations.backup.files import written_whole
from veza_site.serializers import saved_from

#: The endings by which Django compresses, and whether this Python can.
COMPRESSED = {
    ".gz": True,
    ".bz2": dumpdata.has_bz2,
    ".lzma": dumpdata.has_lzma,
    ".xz": dumpdata.has_lzma,
    ".zip": False,
}


class Command(AnnouncedMixin, dumpdata.Command):
    """Saves rows as a fixture. Messages go to standard error.

    The file is complete or absent, and readable only for its owner.
    """

    prints_data = True
    only_reads = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="Replace the file of --output.")

    def run(self, session: Session, *args: Any, **options: Any) -> Any:
        replace, file = options.pop("force", False), options.pop("output", None)
        with saved_from(session) as origin:
            if file is None:
                outcome = super().run(session, *args, output=None, **options)
            else:
                outcome = self._save(_path(file), session, args, options, replace=replace)
        if not origin.is_written and options["verbosity"]:
            self.stderr.write("There are no rows, so the fixture does not say where it is from.")
        return outcome

    def _save(
        self, path: Path, session: Session, args: Any, options: dict[str, Any], *, replace: bool
    ) -> Any:
        ending = path.suffix if path.suffix in COMPRESSED else ""
        if not COMPRESSED.get(ending, True):
            # Django would write another file than the one that was named.
            raise CommandError(f"dumpdata cannot write {ending} here: use .gz, or no such ending")
        with written_whole(path, replace=replace, ending=ending) as partial:
            return super().run(session, *args, output=str(partial), **options)


def _path(text: str) -> Path:
    try:
        return some_file(text)
    except ArgumentTypeError as error:
        raise CommandError(f"--output: {error}") from None
