"""Whether a backup can be restored into a database: its contents, its dependents, its roles."""

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.operations.backup.archive import Archive
from veza_core.operations.backup.names import grant_roles, owners, policy_roles, tablespaces
from veza_core.operations.backup.programs import server_major
from veza_core.operations.backup.restore import RestoreChoice
from veza_core.operations.contents import contents_of
from veza_core.operations.dependents import find_dependents, find_guests, find_replication
from veza_core.operations.deploy.requirements import unmet_requirements

SHOWN = 5

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
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise CommandError(
            f"database {connection.settings_dict['NAME']} is not empty "
            f"({', '.join(found[:SHOWN])}{more}): --replace drops what is in public and django"
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
    with connection.cursor() as cursor:
        cursor.execute(query, [sorted(names)])
        return ", ".join(name for (name,) in cursor.fetchall())
