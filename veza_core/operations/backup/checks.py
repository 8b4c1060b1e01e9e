"""Checks that an archive contains our database, and can be restored into this one."""

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from veza_core.counted import listed
from veza_core.db.fetch import fetch_all
from veza_core.operations.backup.archive import Archive
from veza_core.operations.backup.needs import grant_roles, owners, policy_roles, tablespaces
from veza_core.operations.backup.programs import server_major
from veza_core.operations.backup.restore import RestoreChoice
from veza_core.operations.backup.script import COPY, END_OF_ROWS
from veza_core.operations.contents import contents_of
from veza_core.operations.dependents import find_dependents, find_guests, find_replication
from veza_core.operations.deploy.recognition import tables_of
from veza_core.operations.deploy.requirements import unmet_requirements

MAX_NAMED = 5
HISTORY = "django_migrations"

MISSING_ROLES = """
SELECT quote_ident(name) FROM unnest(%s::text[]) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) ORDER BY 1
"""
MISSING_TABLESPACES = """
SELECT quote_ident(name) FROM unnest(%s::text[]) AS name
WHERE name NOT IN (SELECT spcname FROM pg_tablespace) ORDER BY 1
"""


def check_server(connection: BaseDatabaseWrapper, archive: Archive) -> None:
    """Refuse a server that V1 cannot run on, or that is older than the archive's.

    Raises `CommandError`.
    """
    if problems := unmet_requirements(connection):
        raise CommandError("; ".join(problems))
    major = server_major(connection)
    made_from = archive.contents
    if made_from.server_major > major:
        raise CommandError(
            f"{archive.path} was made from PostgreSQL {made_from.server_version}, and this server "
            f"is {major}: restore it into {made_from.server_major} or newer"
        )


def check_empty(connection: BaseDatabaseWrapper) -> None:
    """Raise `CommandError` if the two schemas contain something."""
    if found := [thing.identity for thing in contents_of(connection)]:
        raise CommandError(
            f"database {connection.settings_dict['NAME']} is not empty "
            f"({listed(found, MAX_NAMED)}): --replace drops what is in public and django"
        )


def check_dependents(connection: BaseDatabaseWrapper, archive: Archive) -> None:
    """Raise `CommandError` with a list of outside objects that a replacement would harm."""
    dependents = find_dependents(connection)
    # What others added to our tables is restored with them, if the archive has it.
    dependents += [
        guest for guest in find_guests(connection) if guest.on and not archive.has_on(*guest.on)
    ]
    if dependents:
        raise CommandError(
            "these objects outside depend on public or django, and would be dropped with them: "
            f"{'; '.join(map(str, dependents))}. Drop them first, and create them again "
            "afterwards."
        )
    if replicated := "; ".join(map(str, find_replication(connection, all_tables=True))):
        raise CommandError(
            f"replicas would lose the replaced tables: {replicated}. Remove it first, and add it "
            "again afterwards (docs/operations.md, Replicas)."
        )


def check_roles(connection: BaseDatabaseWrapper, archive: Archive, choice: RestoreChoice) -> None:
    """Raise `CommandError` with the roles that the archive names and that do not exist."""
    ours = archive.ours
    if missing := _missing(connection, MISSING_ROLES, policy_roles(ours)):
        raise CommandError(
            f"this server has no role {missing}, which a policy in the backup names: CREATE ROLE"
        )
    roles = owners(ours) if choice.owners else set()
    if choice.grants:
        roles |= grant_roles(ours)
    if missing := _missing(connection, MISSING_ROLES, roles):
        raise CommandError(
            f"this server has no role {missing}, which the backup names: CREATE ROLE, "
            "or give --no-owner and --no-privileges to leave owners and grants out"
        )


def check_tablespaces(connection: BaseDatabaseWrapper, archive: Archive) -> None:
    """Raise `CommandError` with the tablespaces that the archive names and that do not exist."""
    if missing := _missing(connection, MISSING_TABLESPACES, tablespaces(archive.ours)):
        raise CommandError(
            f"this server has no tablespace {missing}, which the backup names: CREATE "
            "TABLESPACE, or give --no-tablespaces to use the database's default tablespace"
        )


def _missing(connection: BaseDatabaseWrapper, query: str, names: set[str]) -> str:
    return ", ".join(name for (name,) in fetch_all(connection, query, [sorted(names)]))


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
    loader = MigrationLoader(None)
    known = [key for key in _history(archive) if key in loader.graph.nodes]
    if not (expected := tables_of(loader.project_state(known))):
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
