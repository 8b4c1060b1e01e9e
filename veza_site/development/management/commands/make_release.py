"""`manage.py make_release`: the steps of `make release` that are not other targets."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from veza_core.db.schema_version import Version
from veza_core.management.arguments import some_text
from veza_site.development.release import ReleaseError, archive, make, unmet


class Command(BaseCommand):
    """Parses, calls, prints."""

    help = (
        "Freezes the migrations, commits and tags a release, and writes its files into dist/. "
        "`make release` runs all checks first."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release", type=some_text, metavar="VERSION", help="Such as 1.1.0.")
        parser.add_argument(
            "--check", action="store_true", help="Change nothing; say what is missing, and exit 1."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the release. Raises `CommandError` in one line, and leaves the tree unchanged."""
        try:
            version = Version.parse(options["release"])
            if not version.released:
                raise ReleaseError(f"VERSION={version}: a release has no -dev")
            if options["check"]:
                if missing := list(unmet(version)):
                    raise ReleaseError("; ".join(missing))
                return
            frozen = make(version)
            path = archive(version, Path(settings.BASE_DIR) / "dist")
        except (ReleaseError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Release {version}: {len(frozen)} files are frozen, tag v{version}, {path}. "
            f"Push both: git push origin HEAD v{version}"
        )
