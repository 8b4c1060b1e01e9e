"""Roles and tablespaces of the server that a backup names."""

import re
from collections.abc import Iterable

from veza_core.operations.backup.toc import Entry

# An identifier as pg_dump writes it (fmtId): quoted, unless it needs no quotes.
NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)'
NAMES = rf"{NAME}(?:, {NAME})*"

# The statements come from pg_dump and always have this form (dumputils.c, buildACLCommands;
# pg_dump.c, dumpPolicy).
GRANT = re.compile(rf"^GRANT .+? TO ({NAME})(?: WITH GRANT OPTION)?;$", re.M | re.S)
FOR_ROLE = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({NAME}) ", re.M)
GRANTOR = re.compile(rf"^SET SESSION AUTHORIZATION ({NAME});$", re.M)
POLICY = re.compile(
    rf"CREATE POLICY {NAME} ON {NAME}(?:\.{NAME})?(?: AS RESTRICTIVE)?(?: FOR \w+)? TO ({NAMES})"
)


def owners(entries: Iterable[Entry]) -> set[str]:
    """The roles that own an object."""
    return {entry.owner for entry in entries if entry.owner}


def tablespaces(entries: Iterable[Entry]) -> set[str]:
    """The tablespaces, except the database's default."""
    return {entry.tablespace for entry in entries if entry.tablespace}


def grant_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles that get or grant a privilege, or have default privileges."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind in ("ACL", "DEFAULT ACL")
        for statement in (GRANT, FOR_ROLE, GRANTOR)
        for name in statement.findall(entry.definition)
        if name != "PUBLIC"
    }


def policy_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles in row policies."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind == "POLICY" and (found := POLICY.match(entry.definition))
        for name in re.findall(NAME, found[1])
    }


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
