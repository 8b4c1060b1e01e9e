"""What a backup names beside its own objects: roles and tablespaces of the server."""

import re
from collections.abc import Iterable

from veza_core.operations.backup.toc import Entry

# An identifier as pg_dump writes it (fmtId): quoted, unless it needs no quotes.
NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)'
NAMES = rf"{NAME}(?:, {NAME})*"

# The statements are pg_dump's own, and always look like this (dumputils.c, buildACLCommands;
# pg_dump.c, dumpPolicy).
GRANT = re.compile(rf"^GRANT .+? TO ({NAME})(?: WITH GRANT OPTION)?;$", re.M | re.S)
FOR_ROLE = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({NAME}) ", re.M)
GRANTOR = re.compile(rf"^SET SESSION AUTHORIZATION ({NAME});$", re.M)
POLICY = re.compile(
    rf"CREATE POLICY {NAME} ON {NAME}(?:\.{NAME})?(?: AS RESTRICTIVE)?(?: FOR \w+)? TO ({NAMES})"
)


def owners(entries: Iterable[Entry]) -> set[str]:
    """The roles that own something."""
    return {entry.owner for entry in entries if entry.owner}


def tablespaces(entries: Iterable[Entry]) -> set[str]:
    """The tablespaces, but for the database's own."""
    return {entry.tablespace for entry in entries if entry.tablespace}


def grant_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles that are granted something, grant it, or whose default privileges are set."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind in ("ACL", "DEFAULT ACL")
        for statement in (GRANT, FOR_ROLE, GRANTOR)
        for name in statement.findall(entry.definition)
        if name != "PUBLIC"
    }


def policy_roles(entries: Iterable[Entry]) -> set[str]:
    """The roles that row policies are for."""
    return {
        _plain(name)
        for entry in entries
        if entry.kind == "POLICY" and (found := POLICY.match(entry.definition))
        for name in re.findall(NAME, found[1])
    }


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
