"""From what the role is to what it has to be: the statements, and the proof afterwards."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import Connection, sql

from veza_core.db.libpq import place_of
from veza_core.secret_columns import SECRET_COLUMNS
from veza_site.read_role import ReadRoleError, found
from veza_site.read_role.found import Found
from veza_site.read_role.wanted import (
    COMMENT,
    Grant,
    ReadRole,
    tables,
    wanted_grants,
    wanted_settings,
)

#: Stands for the password where statements are shown.
HIDDEN = "the password in DATABASE_SUPPORT_URL"

#: Two runs at once would alter the same rows of the catalog: "veza" and 1.
LOCK = "SELECT pg_advisory_xact_lock(x'76657A6100000001'::bigint)"


def sync(connection: Connection, role: ReadRole, *, dry_run: bool) -> list[str]:
    """Make or repair the role within the connection's transaction; all of it or nothing.

    Returns the statements that ran, or would, with the password left out; none for a role that is
    as it should be. Raises `ReadRoleError` when it cannot be made so, with nothing changed.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        is_ = found.find(cursor, role.name)
        _check(connection, is_, role)
        columns = found.columns(cursor)
        if missing := [f"{s}.{t}" for s, t in tables() if (s, t) not in columns]:
            raise ReadRoleError(f"there is no table {missing[0]}: run manage.py migrate first")
        sets_password = bool(role.password) and not _can_connect(connection, is_, role)
        rest = [*_settings(is_, role), *_grants(is_.grants, wanted_grants(columns), role.name)]
        shown = [*_role(is_, role, HIDDEN if sets_password else None), *rest]
        if not dry_run:
            password = _scram(connection, role) if sets_password else None
            for statement in [*_role(is_, role, password), *rest]:
                cursor.execute(statement)
            _prove(connection, role, columns)
        return [statement.as_string(connection) for statement in shown]


def _check(connection: Connection, is_: Found, role: ReadRole) -> None:
    """Refuse what must not be touched."""
    if role.name == connection.info.user:
        raise ReadRoleError(
            f"DATABASE_SUPPORT_URL names {role.name}, the role of DATABASE_URL, which may do "
            "everything: name another one, which need not exist yet"
        )
    if not is_.exists:
        return
    if is_.comment != COMMENT:
        raise ReadRoleError(
            f"role {role.name} exists, and was not made by this command: name another one in "
            f"DATABASE_SUPPORT_URL, or say that it may be changed: "
            f"COMMENT ON ROLE {role.name} IS '{COMMENT}'"
        )
    if is_.is_mighty or is_.owns:
        what = "is a superuser or has another attribute of an administrator"
        raise ReadRoleError(
            f"role {role.name} {what if is_.is_mighty else 'owns something'}: take that away first"
        )
    if is_.member_of:
        raise ReadRoleError(
            f"role {role.name} is a member of {', '.join(is_.member_of)}, and may what they may: "
            f"REVOKE {is_.member_of[0]} FROM {role.name} first"
        )


def _can_connect(connection: Connection, is_: Found, role: ReadRole) -> bool:
    """Whether the password is that of the role already."""
    if not is_.exists:
        return False
    parameters: dict[str, Any] = {
        # The same server, reached in the same way; but with settings that this role may make.
        **connection.info.get_parameters(),
        **place_of(connection),
        "dbname": role.database,
        "user": role.name,
        "password": role.password,
        "connect_timeout": "5",
        "options": "",
    }
    try:
        psycopg.connect(**parameters).close()
    except psycopg.OperationalError:
        return False
    return True


def _scram(connection: Connection, role: ReadRole) -> str:
    """The password as the server stores it, so that it is in no statement and no log."""
    return connection.pgconn.encrypt_password(
        role.password.encode(), role.name.encode(), b"scram-sha-256"
    ).decode()


def _role(is_: Found, role: ReadRole, password: str | None) -> Iterable[sql.Composed]:
    """The role itself; `password` None leaves its password as it is."""
    name = sql.Identifier(role.name)
    phrase: sql.Composable = sql.SQL("")
    if password is not None:
        phrase = sql.SQL(" PASSWORD {}").format(sql.Literal(password))
    if not is_.exists:
        yield sql.SQL("CREATE ROLE {} LOGIN NOINHERIT{}").format(name, phrase)
        yield sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(COMMENT))
    elif password is not None or not is_.can_login:
        yield sql.SQL("ALTER ROLE {} LOGIN{}").format(name, phrase)


def _settings(is_: Found, role: ReadRole) -> Iterable[sql.Composed]:
    for key, value in wanted_settings().items():
        if is_.settings.get(key) != value:
            yield sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                sql.Identifier(role.name),
                sql.Identifier(role.database),
                sql.Identifier(key),
                sql.Literal(value),
            )


def _grants(is_: set[Grant], wanted: set[Grant], name: str) -> Iterable[sql.Composed]:
    """Table by table: what differs is taken away, and given anew."""
    role = sql.Identifier(name)
    differing = {(schema, table) for schema, table, _, _ in is_ ^ wanted}
    for schema, table in sorted(differing):
        target = (
            sql.SQL("TABLE {}").format(sql.Identifier(schema, table))
            if table
            else sql.SQL("SCHEMA {}").format(sql.Identifier(schema))
        )
        if any(grant[:2] == (schema, table) for grant in is_ - wanted):
            # Of a table it takes those on columns too.
            yield sql.SQL("REVOKE ALL ON {} FROM {}").format(target, role)
        columns = defaultdict(list)
        for _, _, column, word in sorted(g for g in wanted if g[:2] == (schema, table)):
            columns[word].append(sql.Identifier(column) if column else None)
        for word, names in columns.items():
            some = [column for column in names if column]
            listed = sql.SQL(" ({})").format(sql.SQL(", ").join(some)) if some else sql.SQL("")
            yield sql.SQL("GRANT {}{} ON {} TO {}").format(sql.SQL(word), listed, target, role)


def _prove(
    connection: Connection, role: ReadRole, columns: dict[tuple[str, str], list[str]]
) -> None:
    """See by the server's own word that the role reads what it should, and no more.

    Raises `ReadRoleError` for what grants to PUBLIC or by others add, which are not ours to revoke.
    """
    with connection.cursor() as cursor:
        reads, writes = found.readable(cursor, role.name), found.writable(cursor, role.name)
    own = set(tables())
    allowed = {
        (schema, table, column)
        for (schema, table), names in columns.items()
        if (schema, table) in own
        for column in names
        if column not in SECRET_COLUMNS.get(table, ())
    }
    if more := sorted(reads - allowed):
        names = ", ".join(".".join(name) for name in more[:5])
        raise ReadRoleError(
            f"role {role.name} can read {names} all the same, by a grant to PUBLIC or by another "
            "role's grant: revoke that first"
        )
    if writes:
        raise ReadRoleError(
            f"role {role.name} can write to {', '.join(writes[:5])}, by a grant to PUBLIC or by "
            "another role's grant: revoke that first"
        )
    if less := sorted(allowed - reads):
        raise ReadRoleError(
            f"role {role.name} still cannot read {'.'.join(less[0])}: run this as the owner of "
            "the tables"
        )
