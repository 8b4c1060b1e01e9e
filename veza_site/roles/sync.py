"""The statements that change a role into what it must be, and the proof afterwards."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import psycopg
from psycopg import Connection, sql

from veza_core.counted import listed
from veza_core.db.libpq import place_of
from veza_site.roles import RoleError, found, proof
from veza_site.roles.found import FoundRole
from veza_site.roles.proof import UNBOUNDED
from veza_site.roles.wanted import Grant, GrantedColumns, LoginRole, tables

#: Two concurrent runs would change the same rows of the catalog. The lock's key is "veza" and 1.
TAKE_LOCK = "SELECT pg_advisory_xact_lock(x'76657A6100000001'::bigint)"

CONNECTS = """
SELECT has_database_privilege(rolname, current_database(), 'CONNECT')
FROM pg_roles WHERE rolname = %s
UNION ALL SELECT has_database_privilege('public', current_database(), 'CONNECT')
LIMIT 1
"""

#: How many excess privileges a message names.
MAX_NAMED = 10


def sync(
    connection: Connection,
    role: LoginRole,
    *,
    dry_run: bool,
    revoke_from_public: bool = False,
    accepted: Collection[str] = (),
) -> list[str]:
    """Create or repair a role in the connection's transaction, completely or not at all.

    `revoke_from_public`: revoke from PUBLIC what each new database grants it and the role must not
    have (`proof.UNBOUNDED`); the role of the connection keeps it. `accepted` names privileges of
    this kind that the role may keep.

    Returns the statements that ran, or would run; none for a role that is up to date. They contain
    no password, but the verifier that the server stores. Raises `RoleError`, with nothing changed,
    if the role cannot be changed, or if others have granted it too much.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(TAKE_LOCK)
        is_ = found.find(cursor, role.name)
        _check(connection, is_, role)
        columns = found.columns(cursor)
        if missing := [f"{s}.{t}" for s, t in tables() if (s, t) not in columns]:
            raise RoleError(f"there is no table {missing[0]}: run manage.py migrate first")
        statements = [
            *_role(connection, is_, role),
            *_settings(is_, role),
            *_grants(is_.grants, role.kind.grants(columns), role.name),
            *(_from(text, role.name) for text in is_.revokes),
            *_connect(connection, role),
        ]
        if revoke_from_public:
            statements += _from_public(connection, accepted)
        if not dry_run:
            for statement in statements:
                cursor.execute(statement)
        # A dry run cannot prove what would be. But "nothing to do" must be true.
        if not (dry_run and statements):
            _prove(connection, role, columns, accepted)
        return [statement.as_string(connection) for statement in statements]


def _check(connection: Connection, is_: FoundRole, role: LoginRole) -> None:
    setting = role.kind.setting
    if role.name == connection.info.user:
        raise RoleError(
            f"{setting} names {role.name}, the role of DATABASE_URL, which has all privileges: "
            "name another role; it need not exist yet"
        )
    if not is_.exists:
        return
    if is_.comment != role.kind.comment:
        raise RoleError(
            f"role {role.name} exists, and was not created by this command: name another one in "
            f"{setting}, or allow this command to change it: "
            f"COMMENT ON ROLE {role.name} IS '{role.kind.comment}'"
        )
    if is_.is_mighty or is_.owns:
        what = "is a superuser or has another attribute of an administrator"
        raise RoleError(
            f"role {role.name} {what if is_.is_mighty else 'owns objects'}: change that first"
        )
    if is_.is_shut_out:
        raise RoleError(
            f"role {role.name} may not connect, whatever its password: "
            f"ALTER ROLE {role.name} VALID UNTIL 'infinity' CONNECTION LIMIT -1 first"
        )
    if is_.member_of:
        raise RoleError(
            f"role {role.name} is a member of {', '.join(is_.member_of)}, so it also has "
            f"their privileges: REVOKE {is_.member_of[0]} FROM {role.name} first"
        )


def _can_connect(connection: Connection, role: LoginRole) -> bool:
    parameters: dict[str, Any] = {
        # The same server and the same way of connecting, but with settings that this role may set.
        **connection.info.get_parameters(),
        **place_of(connection),
        "dbname": role.database,
        "user": role.name,
        "password": role.password,
        "connect_timeout": "5",
        "options": "",
        # Of that server. Sessions of the support role are never read-write.
        "target_session_attrs": "any",
    }
    try:
        psycopg.connect(**parameters).close()
    except psycopg.OperationalError:
        return False
    return True


def _verifier(connection: Connection, role: LoginRole) -> str:
    """The verifier that the server stores for the password, computed here, so that no statement
    contains the password. (PostgreSQL, "PQencryptPasswordConn", 34.20.)
    """
    return connection.pgconn.encrypt_password(
        role.password.encode(), role.name.encode(), b"scram-sha-256"
    ).decode()


def _role(connection: Connection, is_: FoundRole, role: LoginRole) -> Iterable[sql.Composed]:
    """The role itself. A password that is already correct does not change."""
    name = sql.Identifier(role.name)
    phrase: sql.Composable = sql.SQL("")
    if role.password and not (is_.exists and _can_connect(connection, role)):
        phrase = sql.SQL(" PASSWORD {}").format(sql.Literal(_verifier(connection, role)))
    if not is_.exists:
        yield sql.SQL("CREATE ROLE {} LOGIN NOINHERIT{}").format(name, phrase)
        yield sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(role.kind.comment))
    elif phrase.as_string() or not is_.can_login or is_.inherits:
        yield sql.SQL("ALTER ROLE {} LOGIN NOINHERIT{}").format(name, phrase)


def _settings(is_: FoundRole, role: LoginRole) -> Iterable[sql.Composed]:
    """The wanted settings in this database; other settings are reset."""
    name = sql.Identifier(role.name)
    here = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(name, sql.Identifier(role.database))
    wanted = role.kind.settings()
    for key, value in wanted.items():
        if is_.settings.get(key) != value:
            yield sql.SQL("{} SET {} = {}").format(here, sql.Identifier(key), sql.Literal(value))
    for key in sorted(is_.settings.keys() - wanted.keys()):
        yield sql.SQL("{} RESET {}").format(here, sql.Identifier(key))
    for key in sorted(is_.everywhere):
        yield sql.SQL("ALTER ROLE {} RESET {}").format(name, sql.Identifier(key))


def _grants(is_: set[Grant], wanted: set[Grant], name: str) -> Iterable[sql.Composed]:
    """Table by table: revoke what differs, and grant it again."""
    role = sql.Identifier(name)
    differing = {(schema, table) for schema, table, _, _ in is_ ^ wanted}
    for schema, table in sorted(differing):
        target = (
            sql.SQL("TABLE {}").format(sql.Identifier(schema, table))
            if table
            else sql.SQL("SCHEMA {}").format(sql.Identifier(schema))
        )
        if any(grant[:2] == (schema, table) for grant in is_ - wanted):
            # On a table, this also revokes privileges on columns. CASCADE also revokes what the
            # role granted to others.
            yield sql.SQL("REVOKE ALL ON {} FROM {} CASCADE").format(target, role)
        columns = defaultdict(list)
        for _, _, column, word in sorted(g for g in wanted if g[:2] == (schema, table)):
            columns[word, bool(column)].append(sql.Identifier(column))
        for (word, of_columns), names in columns.items():
            listed = sql.SQL(" ({})").format(sql.SQL(", ").join(names)) if of_columns else _NOTHING
            yield sql.SQL("GRANT {}{} ON {} TO {}").format(sql.SQL(word), listed, target, role)


_NOTHING = sql.SQL("")


def _from(text: str, name: str) -> sql.Composed:
    return sql.SQL("{} FROM {} CASCADE").format(sql.SQL(text), sql.Identifier(name))


def _connect(connection: Connection, role: LoginRole) -> Iterable[sql.Composed]:
    """The privilege to connect, if neither the role nor PUBLIC has it."""
    if connection.execute(CONNECTS, [role.name]).fetchone() == (False,):
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(role.database), sql.Identifier(role.name)
        )


def _from_public(connection: Connection, accepted: Collection[str]) -> Iterable[sql.Composed]:
    """Revoke from PUBLIC what a new database grants it; the current role keeps it by name."""
    for thing in UNBOUNDED:
        if thing.name in accepted:
            continue
        for name in proof.given_to_public(connection, "public", thing):
            word = sql.SQL("EXECUTE" if thing.functions else "TEMPORARY")
            target = sql.SQL(name)
            yield sql.SQL("REVOKE {} ON {} FROM PUBLIC").format(word, target)
            yield sql.SQL("GRANT {} ON {} TO {}").format(
                word, target, sql.Identifier(connection.info.user)
            )


def _prove(
    connection: Connection, role: LoginRole, columns: GrantedColumns, accepted: Collection[str]
) -> None:
    """Ask PostgreSQL what the role may do.

    Raises `RoleError` for privileges by grants to PUBLIC or by others, which we do not revoke.
    """
    if more := proof.excess(connection, role, columns):
        raise RoleError(
            f"role {role.name} still has privileges by a grant to PUBLIC or by another role: "
            f"{listed(more, MAX_NAMED)}: revoke that first"
        )
    left = [
        thing
        for thing in UNBOUNDED
        if thing.name not in accepted and proof.given_to_public(connection, role.name, thing)
    ]
    if left:
        raise RoleError(
            f"role {role.name} could {', '.join(thing.harm for thing in left)}, because each new "
            "database grants this to PUBLIC: revoke it with --revoke-from-public (for functions a "
            "superuser must run it, or the SQL of --dry-run --revoke-from-public), "
            f"or accept it with --accept {','.join(thing.name for thing in left)}"
        )
    if less := proof.lack(connection, role, columns):
        raise RoleError(
            f"role {role.name} still lacks {less[0]}: run this as the owner of the tables"
        )
